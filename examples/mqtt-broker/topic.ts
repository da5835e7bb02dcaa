/** Something can be published under it. */
export function isTopic(topic: string): boolean {
  return topic !== "" && !/[+#\0]/u.test(topic);
}

/** `+` stands for one level, and `#`, which comes last, for any number of them. */
export function isFilter(filter: string): boolean {
  const levels = filter.split("/");
  const isLevel = (level: string, index: number): boolean =>
    level === "+" || (level === "#" && index === levels.length - 1) || !/[+#\0]/u.test(level);
  return filter !== "" && levels.every(isLevel);
}

export function matches(filter: string, topic: string): boolean {
  // Topics of the server are not found by who asks for everything.
  if (topic.startsWith("$") && /^[+#]/u.test(filter)) return false;
  const levels = topic.split("/");
  const wanted = filter.split("/");
  const isOpen = wanted.at(-1) === "#";
  const named = isOpen ? wanted.slice(0, -1) : wanted;
  if (isOpen ? named.length > levels.length : named.length !== levels.length) return false;
  return named.every((level, index) => level === "+" || level === levels[index]);
}
