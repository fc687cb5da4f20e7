// Moving a scene: mouse, touch (one finger drags, two zoom), wheel, keyboard.

/** Makes `scene` follow the person's hands. */
export function listen(scene) {
  const { canvas } = scene;
  const down = new Map();
  let travelled = 0;
  let spread = 0;
  const where = (e) => {
    const box = canvas.getBoundingClientRect();
    return [e.clientX - box.left, e.clientY - box.top];
  };
  canvas.addEventListener("pointerdown", (e) => {
    if (e.button !== 0) return;
    canvas.setPointerCapture(e.pointerId);
    down.set(e.pointerId, where(e));
    travelled = spread = 0;
  });
  canvas.addEventListener("pointermove", (e) => {
    const [x, y] = where(e);
    const last = down.get(e.pointerId);
    if (!last) {
      if (e.pointerType === "mouse" && scene.base) scene.hover(scene.at(x, y), x, y);
      return;
    }
    down.set(e.pointerId, [x, y]);
    if (down.size === 1) {
      travelled += Math.abs(x - last[0]) + Math.abs(y - last[1]);
      if (travelled > 4) scene.pan(x - last[0], y - last[1]);
    } else if (down.size === 2) {
      const [[ax, ay], [bx, by]] = [...down.values()];
      const now = Math.hypot(ax - bx, ay - by);
      if (spread) scene.zoom(now / spread, (ax + bx) / 2, (ay + by) / 2);
      spread = now;
      travelled = 99;
    }
  });
  const up = (e) => {
    if (!down.delete(e.pointerId) || down.size || travelled > 4 || e.type === "pointercancel" || !scene.base) return;
    const id = scene.at(...where(e), e.pointerType === "mouse" ? 14 : 24);
    scene.select(id);
    scene.on.pick(id);
  };
  canvas.addEventListener("pointerup", up);
  canvas.addEventListener("pointercancel", up);
  canvas.addEventListener("pointerleave", () => scene.hover(null));
  canvas.addEventListener(
    "wheel",
    (e) => {
      e.preventDefault();
      scene.zoom(Math.exp(-e.deltaY * (e.ctrlKey ? 0.01 : 0.0016)), ...where(e));
    },
    { passive: false },
  );
  canvas.addEventListener("dblclick", (e) => scene.zoom(1.8, ...where(e)));
  canvas.addEventListener("keydown", (e) => key(scene, e));
}

const WAYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function key(scene, e) {
  const way = WAYS[e.key];
  if (way && e.shiftKey) scene.pan(-way[0] * 60, -way[1] * 60);
  else if (way) {
    const id = scene.towards(...way);
    if (id !== null) {
      scene.select(id, { follow: true });
      scene.on.pick(id);
    }
  } else if (e.key === "+" || e.key === "=") scene.zoom(1.4);
  else if (e.key === "-") scene.zoom(1 / 1.4);
  else if (e.key === "0") scene.fit();
  else if (e.key === "Escape") {
    scene.select(null);
    scene.on.pick(null);
  } else return;
  e.preventDefault();
}
