/*
 * Mermaid's words, what it calls the diagram (`root`) and the circles (`x_start`, `x_end`), and what ends so that with
 * the next line it may read as `direction TB`.
 */
const reserved =
  /^(?:acc(?:descr|title)|as|class|classdef|click|default|end|href|note|root|scale|start|state|statediagram|style)$|_(?:start|end)$|direction$/i;

export function isAlias(name: string): boolean {
  // Mermaid's layout keeps states in plain objects.
  return /^[a-z]\w*$/i.test(name) && !reserved.test(name) && !(name in Object.prototype);
}

/**
 * Writes all that means something to Mermaid's grammar, to the Markdown in its labels, or to HTML as the number of its
 * character. White space becomes one space. What has nothing to be seen is put in quotes, since no label may be empty.
 */
export function escapeText(text: string): string {
  return (
    (text.trim() === "" ? `"${text}"` : text)
      .replaceAll(/\s+/gu, " ")
      .trim()
      .replaceAll(/[\p{Cc}\p{Cs}]/gu, "\uFFFD")
      .replaceAll(/["#$%&*:;<>@[\\\]`{|}~]/gu, toNumber)
      // Emphasis: underscores inside words are none.
      .replaceAll(/(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])/gu, toNumber)
      // Lists and underlined headings.
      .replace(/^[-+=]/u, toNumber)
      .replace(/^(\d+)([.)])/u, (_, digits: string, mark: string) => digits + toNumber(mark))
      .replaceAll(/(?<=www)\./giu, toNumber)
      // Wherever it stands, this would be a statement, also with its second word on the next line.
      .replaceAll(/(?<=directio)n(?= (?:TB|BT|RL|LR)|$)/giu, toNumber)
  );
}

function toNumber(character: string): string {
  return `#${character.codePointAt(0)};`;
}
