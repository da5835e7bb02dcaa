/** An answer, or undefined when what was asked about has died meanwhile. */
export async function orGone<Answer>(answer: Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "notFound") return undefined;
    throw error;
  }
}
