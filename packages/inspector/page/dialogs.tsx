import type { JSX } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { type Asked, asked, notice } from "./commands.ts";

/** Whatever is asked, and what has become of the last command. */
export function Dialogs(): JSX.Element {
  const question = asked.value;
  return (
    <>
      {question && <Dialog key={question} question={question} />}
      <div class={`notice ${notice.value?.isBad === true ? "bad" : ""}`} role="status">
        {notice.value?.text}
      </div>
    </>
  );
}

function Dialog({ question }: { readonly question: Asked }): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  const field = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => {
    const element = dialog.current;
    element?.showModal();
    // Closed while it is still there, it gives the focus back to where it was.
    return () => element?.close();
  }, []);
  const cancel = (): void => (question.type === "token" ? question.answered(undefined) : question.answered(false));
  const submit = (event: Event): void => {
    event.preventDefault();
    if (question.type === "token") question.answered(field.current?.value.trim());
    else question.answered(true);
  };
  return (
    <dialog ref={dialog} onCancel={cancel} aria-labelledby="asked">
      <form onSubmit={submit}>
        {question.type === "token" ? (
          <>
            <h2 id="asked">Token</h2>
            <p>
              {question.wasWrong
                ? "This was not the right one."
                : "The one that the program gave to its inspector. It stays in this tab."}
            </p>
            <input ref={field} type="password" aria-label="Token" autocomplete="off" spellcheck={false} required />
          </>
        ) : (
          <>
            <h2 id="asked">{question.title}</h2>
            <p>{question.text}</p>
          </>
        )}
        <div class="actions end">
          <button type="button" onClick={cancel}>
            Cancel
          </button>
          {question.type === "token" ? (
            <button class="main">Use it</button>
          ) : (
            <button class="danger solid" autofocus>
              {question.verb}
            </button>
          )}
        </div>
      </form>
    </dialog>
  );
}
