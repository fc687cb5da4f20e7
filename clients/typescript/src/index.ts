/** Client of the Reverie service: themes, patterns, recall and context of user memories. */
export { Reverie, type ReverieOptions, type SubmitOptions, vectorsOf } from "./client.js";
export * from "./errors.js";
export type { components, paths } from "./generated.js";
export type { CallOptions } from "./http.js";
export type * from "./stored.js";
export type { SocketLike, SocketMaker } from "./stream.js";
export { Task } from "./task.js";
export type * from "./types.js";
export { User } from "./user.js";
