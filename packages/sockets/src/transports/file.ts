import { open } from "node:fs/promises";

/** A file that is read from. */
export interface OpenFile {
  /** So many bytes from there; fewer at the end of the file, none behind it. */
  read(position: number, length: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** Rejects with the system's error, which has a `code`. */
export async function openFile(path: string): Promise<OpenFile> {
  const file = await open(path, "r");
  return {
    async read(position, length) {
      // Each read has its own memory, since what is sent belongs to the transport.
      const { buffer, bytesRead } = await file.read(new Uint8Array(length), 0, length, position);
      return buffer.subarray(0, bytesRead);
    },
    close: () => file.close(),
  };
}
