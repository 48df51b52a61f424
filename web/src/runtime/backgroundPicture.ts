/** The picture that may be seen behind oneself: one of the person's own, kept by this browser, or a plain wall. */

export type BackgroundPicture = {
  /** Reads the picture there is now. Another picture is another function. */
  readonly current: () => () => Promise<ImageBitmap>;
  /** Keeps another one. Rejects if it is none that the browser can read. */
  readonly keep: (file: Blob) => Promise<void>;
};

const CACHE = "allo.background";
const KEY = "/background";

/** What is kept of it. A camera's picture is rarely larger; more would cost memory, and time at each picture. */
const WIDTH_MAX = 1280;
const HEIGHT_MAX = 720;

export function backgroundPicture(): BackgroundPicture {
  let read = stored;

  return {
    current: () => read,
    async keep(file) {
      const picture = await reduced(file);
      read = () => createImageBitmap(picture);
      // Private windows and full disks: it holds for this visit only.
      await store(picture).catch(() => undefined);
    },
  };
}

async function stored(): Promise<ImageBitmap> {
  try {
    const answer = await (await caches.open(CACHE)).match(KEY);
    if (answer !== undefined) return await createImageBitmap(await answer.blob());
  } catch {
    // As if there were none.
  }
  return wall();
}

async function store(picture: Blob): Promise<void> {
  await (await caches.open(CACHE)).put(KEY, new Response(picture));
}

async function reduced(file: Blob): Promise<Blob> {
  const whole = await createImageBitmap(file);
  const scale = Math.min(1, WIDTH_MAX / whole.width, HEIGHT_MAX / whole.height);
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(whole.width * scale));
  canvas.height = Math.max(1, Math.round(whole.height * scale));
  canvas.getContext("2d")?.drawImage(whole, 0, 0, canvas.width, canvas.height);
  whole.close();
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob === null ? reject(new Error("not drawn")) : resolve(blob)), "image/jpeg", 0.9);
  });
}

/** A wall in quiet colours, with light from one side. */
function wall(): Promise<ImageBitmap> {
  const canvas = document.createElement("canvas");
  canvas.width = WIDTH_MAX;
  canvas.height = HEIGHT_MAX;
  const paint = canvas.getContext("2d");
  if (paint !== null) {
    const light = paint.createRadialGradient(WIDTH_MAX * 0.25, 0, 0, WIDTH_MAX * 0.25, 0, WIDTH_MAX);
    light.addColorStop(0, "#8fb3a5");
    light.addColorStop(1, "#2b4a41");
    paint.fillStyle = light;
    paint.fillRect(0, 0, WIDTH_MAX, HEIGHT_MAX);
  }
  return createImageBitmap(canvas);
}
