import { ERROR_CODES, type ErrorCode, JobWorkerError } from "../errors.ts";

/** Options of {@linkcode HttpError}. */
export interface HttpErrorOptions extends ErrorOptions {
  readonly headers?: Readonly<Record<string, string>>;
}

/** An error with a status or headers beyond what the table of codes says. */
export class HttpError extends JobWorkerError {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: ErrorCode, status: number, message: string, options: HttpErrorOptions = {}) {
    super(code, message, options);
    this.status = status;
    this.headers = options.headers ?? {};
  }
}

/** The status that answers an error. */
export function httpStatusOf(error: JobWorkerError): number {
  return error instanceof HttpError ? error.status : ERROR_CODES[error.code].http;
}

/**
 * What a caller may be told of whatever was thrown.
 *
 * @param onFault told of every error that is not a `JobWorkerError`
 */
export function knownError(error: unknown, onFault: (error: unknown) => void): JobWorkerError {
  if (error instanceof JobWorkerError) return error;
  onFault(error);
  return new JobWorkerError("internal", "Internal error of the daemon, see its diagnostics");
}
