/** What a supervisor says of itself. What one does not have is absent. */
export interface SupervisorFacts {
  readonly strategy?: string | undefined;
  readonly intensity?: number | undefined;
  readonly periodMs?: number | undefined;
  readonly restarts?: number | undefined;
  readonly restartsInPeriod?: number | undefined;
  readonly maxClients?: number | "infinity" | undefined;
}
