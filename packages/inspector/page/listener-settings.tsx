import type { CommandName, Commands, ListenerFact } from "@espalier/inspector/api-types";
import type { ComponentChildren, JSX, RefObject } from "preact";
import { useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { attempt } from "./commands.ts";
import { refreshListeners } from "./store.ts";

const VERDICTS = ["deny", "allow"] as const;
type Verdict = (typeof VERDICTS)[number];

/** How many clients a listener takes, and how to change it. Whoever is there already stays. */
export function MaxClients({ listener: { id, maxClients } }: { readonly listener: ListenerFact }): JSX.Element {
  const [draft, setDraft] = useState<string>();
  const { error, carryOut, forget } = useCommand();
  const set = async (limit: number | "infinity"): Promise<void> => {
    if (await carryOut("setMaxClients", { listener: id, maxClients: limit })) setDraft(undefined);
  };
  const text = draft ?? String(maxClients);
  return (
    <Setting
      label="Max clients"
      value={text}
      error={error}
      isNumber
      onInput={(next) => {
        setDraft(next);
        forget();
      }}
      onSubmit={() => void set(text.trim() === "infinity" ? "infinity" : Number(text))}
    >
      <button>Set</button>
      <button type="button" onClick={() => void set("infinity")}>
        No limit
      </button>
    </Setting>
  );
}

interface AccessRulesProps {
  readonly listener: ListenerFact;
  readonly takesCommands: boolean;
}

/** Who may connect: the rules in the order in which they are tried, each with a way to be rid of it, and to a new one. */
export function AccessRules({ listener: { id, accessRules }, takesCommands }: AccessRulesProps): JSX.Element {
  const { error, carryOut } = useCommand();
  const list = useRef<HTMLOListElement>(null);
  const field = useRef<HTMLInputElement>(null);
  // The rule that is being removed: the focus is in it, and would be lost with it.
  const leaving = useRef<{ readonly rule: string; readonly index: number } | undefined>(undefined);
  useLayoutEffect(() => {
    const gone = leaving.current;
    if (gone === undefined || accessRules.includes(gone.rule)) return;
    leaving.current = undefined;
    // Whoever has gone on meanwhile stays there.
    if (document.activeElement !== document.body) return;
    const left = list.current?.querySelectorAll("button") ?? [];
    (left[Math.min(gone.index, left.length - 1)] ?? field.current)?.focus();
  }, [accessRules]);
  const remove = async (rule: string, index: number): Promise<void> => {
    const own = { rule, index };
    leaving.current ??= own;
    const isDone = await carryOut("removeRule", { listener: id, rule });
    if (!isDone && leaving.current === own) leaving.current = undefined;
  };
  return (
    <>
      <h3>Who may connect</h3>
      {accessRules.length === 0 ? (
        <p class="muted">Everybody: there is no rule.</p>
      ) : (
        <ol class="rules" ref={list}>
          {accessRules.map((rule, index) => {
            const [verdict = "", ...peers] = rule.split(" ");
            return (
              <li key={rule}>
                <span class={`chip ${verdict}`}>{verdict}</span>
                <span class="path">{peers.join(" ")}</span>
                {takesCommands && (
                  <button
                    type="button"
                    aria-label={`Remove ${rule}`}
                    title="Remove this rule"
                    onClick={() => void remove(rule, index)}
                  >
                    ×
                  </button>
                )}
              </li>
            );
          })}
        </ol>
      )}
      {accessRules.length > 1 && <p class="muted small">The first that fits decides.</p>}
      {error !== undefined && (
        <p class="error" role="alert">
          {error}
        </p>
      )}
      {takesCommands && <NewRule id={id} field={field} />}
    </>
  );
}

interface NewRuleProps {
  /** Of the listener. */
  readonly id: string;
  readonly field: RefObject<HTMLInputElement | null>;
}

/** Puts a rule before all others. It counts from the next connection on. */
function NewRule({ id, field }: NewRuleProps): JSX.Element {
  const [verdict, setVerdict] = useState<Verdict>("deny");
  const [peers, setPeers] = useState("");
  const { error, carryOut, forget } = useCommand();
  const add = async (): Promise<void> => {
    if (await carryOut(verdict, { listener: id, peers: peers.trim() })) setPeers("");
  };
  return (
    <Setting
      label="New first rule"
      field={field}
      value={peers}
      placeholder="10.0.0.0/8 or all"
      error={error}
      onInput={(next) => {
        setPeers(next);
        forget();
      }}
      onSubmit={() => void add()}
      before={
        <select
          aria-label="Allow or deny"
          value={verdict}
          onChange={(event) => setVerdict(event.currentTarget.value as Verdict)}
        >
          {VERDICTS.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      }
    >
      <button>Add</button>
    </Setting>
  );
}

interface SettingProps {
  readonly label: string;
  readonly field?: RefObject<HTMLInputElement | null>;
  readonly value: string;
  readonly placeholder?: string;
  readonly isNumber?: boolean;
  readonly error: string | undefined;
  readonly onInput: (text: string) => void;
  readonly onSubmit: () => void;
  readonly before?: JSX.Element;
  readonly children: ComponentChildren;
}

/** A field with its buttons, and below it why the server has refused what stood in it. */
function Setting(props: SettingProps): JSX.Element {
  const { label, field, value, placeholder, isNumber = false, error, onInput, onSubmit, before, children } = props;
  const id = useId();
  return (
    <form
      class="setting"
      onSubmit={(event) => {
        event.preventDefault();
        onSubmit();
      }}
    >
      <label for={id}>{label}</label>
      <div class="bar">
        {before}
        <input
          id={id}
          ref={field ?? null}
          value={value}
          placeholder={placeholder}
          inputMode={isNumber ? "numeric" : "text"}
          maxLength={100}
          autocomplete="off"
          autocapitalize="off"
          spellcheck={false}
          aria-invalid={error !== undefined}
          aria-describedby={`${id}-error`}
          onInput={(event) => onInput(event.currentTarget.value)}
        />
        {children}
      </div>
      <p class="error" id={`${id}-error`} role="alert">
        {error}
      </p>
    </form>
  );
}

interface CommandOfField {
  /** The sentence of the server, if it has refused. */
  readonly error: string | undefined;
  /** Whether it was carried out. What it has changed is to be seen by then. */
  readonly carryOut: <Name extends CommandName>(name: Name, body: Commands[Name]) => Promise<boolean>;
  readonly forget: () => void;
}

function useCommand(): CommandOfField {
  const [error, setError] = useState<string>();
  // One at a time; a button that went dead meanwhile would lose the focus.
  const isBusy = useRef(false);
  return {
    error,
    forget: () => setError(undefined),
    carryOut: async (name, body) => {
      if (isBusy.current) return false;
      isBusy.current = true;
      const outcome = await attempt(name, body);
      if (outcome.type === "done") await refreshListeners();
      setError(outcome.type === "refused" ? outcome.message : undefined);
      isBusy.current = false;
      return outcome.type === "done";
    },
  };
}
