/** The shapes of the wire, from the service's OpenAPI document: names and casing are the service's own. */
import type { components } from "./generated.js";

type Schemas = components["schemas"];
/** What a request may leave out: everything that has a default. */
type Chosen<T> = { [Name in keyof T]?: T[Name] | undefined };
type Moment = string | Date | null;

export type ClusterOptions = Chosen<Schemas["ClusterOptions"]>;
export type AnalyzeOptions = Chosen<Omit<Schemas["AnalyzeOptions"], "now">> & { now?: Moment };
export type RecallOptions = Chosen<Omit<Schemas["RecallOptions"], "now">> & { now?: Moment };
export type EmbedOptions = Chosen<Schemas["EmbedOptions"]>;
export type CloudPolicy = Chosen<Schemas["CloudPolicy"]>;

export type ClusterResult = Schemas["ClusterResult"];
export type AnalyzeResult = Schemas["AnalyzeResult"];
export type RecallResult = Schemas["RecallResult"];
export type EmbedResult = Schemas["EmbedResult"];
export type Theme = Schemas["Theme"];
export type RecalledMemory = Schemas["RecalledMemory"];
export type Importance = Schemas["Importance"];
export type Pattern = Schemas["Pattern"];
export type Receipt = Schemas["Receipt"];
export type Progress = Schemas["Progress"];
export type Problem = Schemas["Problem"];
export type Operation = Schemas["Operation"];
export type Status = Schemas["Status"];

/** The result that an operation gives. */
export interface Results {
  cluster: ClusterResult;
  analyze: AnalyzeResult;
  recall: RecallResult;
  embed: EmbedResult;
}

/** A task as the service tells it; `result` is there once it has succeeded. */
export type TaskState<R = unknown> = Omit<Schemas["Task"], "result"> & { result: R | null };
/** Something that happened to a task. */
export type TaskEvent<R = unknown> = Omit<Schemas["Event"], "result"> & { result?: R | null };

/** A memory to send; a plain string is one too. Dates may be `Date`s. */
export type MemoryInput = Chosen<Omit<Schemas["Memory"], "text" | "created_at" | "last_accessed_at">> & {
  text: string;
  created_at?: Moment;
  last_accessed_at?: Moment;
};
export type MemoryLike = string | MemoryInput;
