import { constants } from "node:fs";
import { open } from "node:fs/promises";

/** A file that is read from. */
export interface OpenFile {
  /** So many bytes from there; fewer at the end of the file, none behind it. */
  read(position: number, length: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** What is opened is a pipe, a device or a directory, which has no size and maybe no end. */
class NotAFileError extends Error {
  override readonly name = "NotAFileError";
  readonly code = "notAFile";
}

/** Rejects with an error that has a `code`: the system's, or `notAFile`. */
export async function openFile(path: string): Promise<OpenFile> {
  // To wait until somebody writes to a pipe would hold one of the few threads that Node has for files and names.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  if (!(await file.stat()).isFile()) {
    await file.close();
    throw new NotAFileError();
  }
  return {
    async read(position, length) {
      // Each read has its own memory, since what is sent belongs to the transport.
      const { buffer, bytesRead } = await file.read(new Uint8Array(length), 0, length, position);
      return buffer.subarray(0, bytesRead);
    },
    close: () => file.close(),
  };
}
