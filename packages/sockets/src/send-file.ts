import { InvalidOptionError, type OptionIssue } from "./errors.ts";
import type { SendOutcome } from "./socket-request.ts";
import { type OpenFile, openFile } from "./transports/file.ts";
import { codeOf } from "./transports/net-socket.ts";

/** Which part of a file to send. */
export interface SendFileOptions {
  /** Where to begin, in bytes. @defaultValue 0 */
  readonly offset?: number;
  /** How many bytes to send at most. @defaultValue all up to the end of the file */
  readonly length?: number;
}

/** What became of a file that was to be sent; `bytes` of it were handed to the system. */
export type SendFileResult =
  | { readonly ok: true; readonly bytes: number }
  /**
   * The system's code if the file cannot be read (`ENOENT`), `notAFile` for a pipe, a device or a directory, or what ended
   * the connection, as for `SendOutcome`.
   */
  | { readonly ok: false; readonly error: string; readonly bytes: number };

/** So much of a file is in memory at a time. */
const CHUNK_BYTES = 65_536;

/** Where a file goes. */
export interface FileSink {
  /** No more may be written at a time. */
  readonly maxBytes: number;
  /** Settles when all that was written before is gone. */
  ready(): Promise<SendOutcome>;
  write(bytes: Uint8Array): Promise<SendOutcome>;
}

/**
 * Reads a part of a file, writes it, waits until that is done, and reads the next.
 *
 * @throws InvalidOptionError (`ERR_INVALID_OPTION`)
 */
export async function sendFile(
  path: string,
  { offset = 0, length = Infinity }: SendFileOptions,
  sink: FileSink,
): Promise<SendFileResult> {
  checkPart(offset, length);
  const chunkBytes = Math.min(CHUNK_BYTES, sink.maxBytes);
  let file: OpenFile | undefined;
  let sent = 0;
  try {
    file = await openFile(path);
    let outcome = await sink.ready();
    while (outcome.ok) {
      const bytes = sent < length ? await file.read(offset + sent, Math.min(chunkBytes, length - sent)) : undefined;
      if (bytes === undefined || bytes.length === 0) return { ok: true, bytes: sent };
      outcome = await sink.write(bytes);
      if (outcome.ok) sent += bytes.length;
    }
    return { ...outcome, bytes: sent };
  } catch (error) {
    return { ok: false, error: error instanceof Error ? codeOf(error) : String(error), bytes: sent };
  } finally {
    await file?.close();
  }
}

function checkPart(offset: number, length: number): void {
  const issues: OptionIssue[] = [];
  const expected = "an integer of at least 0";
  if (!(Number.isSafeInteger(offset) && offset >= 0)) issues.push({ option: "offset", value: offset, expected });
  if (length !== Infinity && !(Number.isSafeInteger(length) && length >= 0)) {
    issues.push({ option: "length", value: length, expected });
  }
  if (issues.length > 0) throw new InvalidOptionError(issues);
}
