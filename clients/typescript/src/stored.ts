/** Shapes of the routes under /users/{user_id}: memories that live in the service. */
import type { components } from "./generated.js";
import type { MemoryInput } from "./types.js";

type Schemas = components["schemas"];

export type Added = Schemas["Added"];
export type Deleted = Schemas["Deleted"];
export type KeptMemory = Schemas["KeptMemory"];
export type MemoryPage = Schemas["MemoryPage"];
export type PersonSettings = Schemas["PersonSettings"];
export type Place = Schemas["Place"];
export type Stale = Schemas["Stale"];
export type StoredMemory = Schemas["StoredMemory"];
export type UserSummary = Schemas["UserSummary"];

type Moment = string | Date;

/** A memory to keep; without an id one is made. */
export type NewMemory = MemoryInput & { speaker?: string | null; pinned?: boolean | null };

/** What `update` may change; null unsets. */
export type MemoryPatch = Omit<Partial<NewMemory>, "id"> & { accessed?: true; superseded_by?: string | null };

export interface MemoryFilter {
  /** Only memories of this theme. */
  theme?: string;
  /** Only memories whose text holds this, in any case. */
  q?: string;
  since?: Moment;
  until?: Moment;
}

/** Which memories to delete: those that all given members name. */
export interface Forgotten {
  ids?: Iterable<string | number>;
  theme?: string;
  before?: Moment;
}

export type Themes = Schemas["ThemesView"];
export type Insights = Schemas["InsightsView"];
export type UpkeepResult = Schemas["UpkeepResult"];

/** How to make a context; `max_tokens` is its budget, counted by `tokenizer`. */
export type ContextOptions = Partial<Omit<Schemas["ContextQuery"], "query" | "max_tokens" | "now">> & {
  max_tokens: number;
  now?: Moment | null;
};

/** What a language model should know of a person. */
export type Context = Schemas["Context"];
