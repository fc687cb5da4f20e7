/** What a refusal says of one item. */
export interface ItemError {
  item: string;
  message: string;
}

/** The body of a refusal, RFC 9457. */
export interface ProblemDocument {
  type?: string;
  title?: string;
  status?: number;
  detail?: string | null;
  instance?: string | null;
  errors?: ItemError[] | null;
  [member: string]: unknown;
}

export interface ErrorFacts {
  status?: number;
  problem?: ProblemDocument;
  /** Seconds after which another try is likely to be accepted. */
  retryAfter?: number;
  /** The service's own id of the request, for its logs. */
  requestId?: string;
  cause?: unknown;
}

/** Something went wrong; every error of this package is one. */
export class ReverieError extends Error {
  /** The HTTP status, where the service answered. */
  readonly status: number | undefined;
  readonly problem: ProblemDocument | undefined;
  readonly retryAfter: number | undefined;
  readonly requestId: string | undefined;

  constructor(message: string, facts: ErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.name = new.target.name;
    this.status = facts.status;
    this.problem = facts.problem;
    this.retryAfter = facts.retryAfter;
    this.requestId = facts.requestId;
  }

  /** The items at fault: `{ item: "memories[3].text", message: "..." }`. */
  get errors(): ItemError[] {
    return this.problem?.errors ?? [];
  }
}

/** The input is not valid; `errors` names the items. */
export class InvalidInput extends ReverieError {}
/** The input is larger than the limit. */
export class TooLarge extends InvalidInput {}
/** That model is not available there. */
export class UnsupportedModel extends InvalidInput {}
/** A valid API key is required. */
export class Unauthorized extends ReverieError {}
/** This key may not do that. */
export class Forbidden extends ReverieError {}
/** There is no such thing. */
export class NotFound extends ReverieError {}
/** The present state does not allow that. */
export class Conflict extends ReverieError {}
/** Too many requests; `retryAfter` says when to come back. */
export class TooManyRequests extends ReverieError {}
/** The service does not answer, or not now. */
export class ServiceUnavailable extends ReverieError {}
/** The task ended without a result. */
export class TaskFailed extends ReverieError {}
/** The task was cancelled. */
export class TaskCancelled extends TaskFailed {}
/** The result did not arrive in time; the task goes on. */
export class ResultTimeout extends ReverieError {}

const BY_STATUS: Record<number, typeof ReverieError> = {
  401: Unauthorized,
  403: Forbidden,
  404: NotFound,
  409: Conflict,
  413: TooLarge,
  429: TooManyRequests,
};

const BY_SLUG: Record<string, typeof ReverieError> = { "unsupported-model": UnsupportedModel, "too-large": TooLarge };

/** The error for an answer of 4xx or 5xx. */
export function errorOf(status: number, body: string, headers: Headers): ReverieError {
  let problem: ProblemDocument = {};
  try {
    const parsed: unknown = JSON.parse(body);
    if (parsed !== null && typeof parsed === "object" && !Array.isArray(parsed)) problem = parsed as ProblemDocument;
  } catch {
    // A proxy's page: the status says enough.
  }
  const message = problem.detail ?? problem.title ?? `the service answered ${status}`;
  const wait = Number.parseFloat(headers.get("retry-after") ?? "");
  const facts: ErrorFacts = { status, problem, requestId: headers.get("x-request-id") ?? undefined };
  if (status === 429 || status >= 500) facts.retryAfter = Number.isFinite(wait) ? wait : 1;
  const slug =
    String(problem.type ?? "")
      .split("/")
      .at(-1) ?? "";
  const Kind = BY_SLUG[slug] ?? (status >= 500 ? ServiceUnavailable : (BY_STATUS[status] ?? InvalidInput));
  return new Kind(message, facts);
}
