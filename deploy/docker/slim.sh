#!/bin/sh
# Takes out of an environment what never runs in production: packages' own tests, sources of extensions, pip, and the
# faster download of models (they are in the image, and workers have no way out; without it a download is plain HTTP).
set -eu
site=$(echo "$1"/lib/python3*/site-packages)
find "$site" -type d \( -name tests -o -name test \) -path '*/*/*' \
  ! -path '*/site-packages/reverie/*' ! -path '*/numpy/_core/*' -prune -exec rm -rf {} +
find "$site" -type f \( -name '*.pyx' -o -name '*.pxd' -o -name '*.pyi' -o -name '*.h' -o -name '*.hpp' -o -name '*.a' -o -name '*.c' -o -name '*.cpp' \) -delete
rm -rf "$site"/matplotlib/mpl-data/sample_data "$site"/pip "$site"/pip-*.dist-info "$site"/setuptools "$site"/setuptools-* \
  "$site"/pkg_resources "$site"/_distutils_hack "$site"/distutils-precedence.pth "$site"/hf_xet "$site"/hf_xet-*.dist-info
# OpenVINO's plugins for other devices and its readers of other formats, where it is installed: 80 of its 180 MB.
find "$site/openvino/libs" \( -name '*_intel_[gn]pu_plugin.so' -o -name 'cache.json' \
  -o -name '*_frontend.so*' ! -name '*_ir_frontend.so*' \) -delete 2>/dev/null || true
# Only what was built without patchelf: stripping a repaired wheel's libraries breaks them.
for module in zstandard rapidfuzz; do
  find "$site/$module" -type f -name '*.so' -exec strip --strip-debug {} + 2>/dev/null || true
done
