import type { OptionIssue } from "./errors.ts";
import { flag, type Settings } from "./setting.ts";
import { isServerTls, type ServerTls } from "./transports/server-tls.ts";
import { TlsContext } from "./transports/tls-context.ts";
import { checkTlsOptions, type TlsOptions } from "./transports/tls-options.ts";

/** Whether the connections of a listener are encrypted, and from when on. */
export interface SecureOptions {
  /**
   * Has connections begin with a TLS handshake, behind the PROXY header if there is one. It is part of the connection, so
   * nobody waits for a slow client. A context can be shared by listeners, and is what certificates are reloaded in.
   *
   * @defaultValue false: plain bytes.
   */
  readonly tls?: TlsOptions | ServerTls | false;

  /**
   * Has connections begin in plain, and `tls` wait for the handler to call `connection.startTls` (STARTTLS).
   *
   * @defaultValue false: where there is `tls`, connections begin with it.
   */
  readonly startTls?: boolean;
}

export const secureSettings: Settings<Pick<SecureOptions, "startTls">> = { startTls: flag(false) };

export function checkSecureOptions(options: SecureOptions): readonly OptionIssue[] {
  return [...checkTls(options.tls), ...checkStartTls(options)];
}

function checkTls(tls: SecureOptions["tls"]): readonly OptionIssue[] {
  return tls === undefined || tls === false || isServerTls(tls) ? [] : checkTlsOptions(tls);
}

function checkStartTls({ startTls, tls = false }: SecureOptions): readonly OptionIssue[] {
  if (startTls !== true || tls !== false) return [];
  return [{ option: "startTls", value: startTls, expected: "false, unless there is tls" }];
}

/** What stands for the keys from here on. The options have been checked. */
export function compileTls(tls: SecureOptions["tls"] = false): false | ServerTls {
  return tls === false || isServerTls(tls) ? tls : new TlsContext(tls);
}
