/** Replaces a text by another. @throws when the text to be replaced is not there exactly once */
export function mutated(code: string, find: string, replace: string): string {
  const parts = code.split(find);
  const [before, after] = parts;
  if (parts.length !== 2 || before === undefined || after === undefined) {
    throw new Error(`the text to replace is there ${parts.length - 1} times`);
  }
  return before + replace + after;
}
