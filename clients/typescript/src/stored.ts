/** Shapes of the routes under /users/{user_id}: memories that live in the service. */
import type { AnalyzeResult, ClusterResult, MemoryInput } from "./types.js";

/** What storing memories changed. */
export interface Remembered {
  added: number;
  updated: number;
  unchanged: number;
  /** Ids in the order of what was sent; made for memories without one. */
  ids: string[];
  /** The user's version from now on. */
  version: number;
}

/** A stored memory. */
export interface StoredMemory {
  id: string;
  text: string;
  created_at?: string | null;
  last_accessed_at?: string | null;
  access_count?: number;
  kind?: string | null;
  source?: string | null;
  metadata?: Record<string, unknown>;
  superseded_by?: string | null;
  [member: string]: unknown;
}

/** Where a new memory seems to belong until the next upkeep. */
export interface Place {
  theme_id: string;
  label: string;
  provisional: boolean;
}

export interface Placed {
  memory: StoredMemory;
  version: number;
  place: Place | null;
}

export interface MemoryPage {
  memories: StoredMemory[];
  next_cursor: string | null;
}

export interface MemoryFilter {
  theme?: string;
  /** Words that the text must hold. */
  q?: string;
  since?: string | Date;
  until?: string | Date;
}

/** What `update` may change. */
export type MemoryPatch = Partial<MemoryInput> & { accessed?: true; superseded_by?: string | null };

/** What a view does not know yet. */
export interface Stale {
  changes: number;
  since: string;
}

interface View {
  version: number;
  as_of: string;
  stale: Stale | null;
  next_upkeep_at?: string | null;
}
export type Themes = ClusterResult & View;
export type Insights = AnalyzeResult & View;

export interface ContextOptions {
  /** What is being talked about. */
  query?: string;
  /** The budget, counted by `tokenizer`. */
  max_tokens?: number;
  format?: "text" | "messages" | "json";
  tokenizer?: string;
  sections?: string[];
  min_relevance?: number;
  now?: string | Date;
}

/** What to put into a prompt. */
export interface Context {
  text?: string;
  messages?: { role: string; content: string }[];
  tokens: number;
  used: { memory_id: string; section: string; score: number }[];
  left_out: unknown;
  version: number;
  as_of: string | null;
  stale: Stale | null;
  [member: string]: unknown;
}

/** What a deletion removed. */
export interface Deleted {
  deleted: number;
  vectors: number;
  version: number;
}

export interface UserSettings {
  timezone?: string | null;
  language?: string | null;
  upkeep?: "auto" | "manual";
  digest?: { every: "day" | "week"; hour: number; url?: string | null } | null;
}
