// The public HTTP API, as any client sees it. The key lives in session storage and travels only in a header.

const KEY = "reverie.key";

export class ApiError extends Error {
  constructor(status, problem = {}, retryAfter = null) {
    super(
      problem.detail ||
        problem.title ||
        (status ? `The service answered ${status}.` : "The service cannot be reached."),
    );
    this.status = status;
    this.problem = problem;
    this.retryAfter = retryAfter;
  }
}

export const hasKey = () => sessionStorage.getItem(KEY) !== null;
export const setKey = (key) => sessionStorage.setItem(KEY, key);
export const dropKey = () => sessionStorage.removeItem(KEY);

let onUnauthorized = () => {};
let onReach = () => {};
/** Called when the key is refused, and with true or false when the service answers or cannot be reached. */
export function listen({ unauthorized, reach }) {
  onUnauthorized = unauthorized;
  onReach = reach;
}

/** A request; the parsed JSON. Raises ApiError, with status 0 when there is no connection. */
export async function request(method, path, { body, headers = {}, key, quiet = false, signal } = {}) {
  const secret = key ?? sessionStorage.getItem(KEY);
  const all = { Accept: "application/json", ...headers };
  if (secret) all.Authorization = `Bearer ${secret}`;
  if (body !== undefined) all["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(path, {
      method,
      headers: all,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal,
      cache: "no-store",
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    onReach(false);
    throw new ApiError(0);
  }
  onReach(true);
  const text = await response.text();
  let data = null;
  try {
    data = text ? JSON.parse(text) : null;
  } catch {
    if (response.ok) throw new ApiError(response.status, { title: "The answer was not JSON." });
  }
  if (!response.ok) {
    if (response.status === 401 && !quiet) onUnauthorized();
    throw new ApiError(response.status, data ?? {}, Number(response.headers.get("Retry-After")) || null);
  }
  return data;
}

export const get = (path, options) => request("GET", path, options);
export const post = (path, body, options) => request("POST", path, { body, ...options });
export const del = (path) => request("DELETE", path);

/** A picture, as a blob. */
export async function picture(path) {
  const response = await fetch(path, { headers: { Authorization: `Bearer ${sessionStorage.getItem(KEY)}` } });
  if (!response.ok) throw new ApiError(response.status, await response.json().catch(() => ({})));
  return response.blob();
}

/** Checks a key without keeping it. */
export const tryKey = (key) => get("/tasks?limit=1", { key, quiet: true });
