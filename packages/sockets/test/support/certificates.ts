import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Who signs the certificates of a test. */
export interface Authority {
  /** What the others are to trust. */
  readonly cert: string;
  /** @param names - as OpenSSL writes them: `DNS:localhost,IP:127.0.0.1` */
  issue(commonName: string, names: string): Pair;
  /** What says of a certificate that it is still good (DER). */
  vouchFor(cert: string): Buffer;
  /** What says that a certificate is not good any more: a list with no other in it. */
  revoke(cert: string): string;
}

/** Keys live as long as the test: none is kept in a file that outlives it. */
export function createAuthority(commonName = "Test CA"): Authority {
  const root = pair(["-subj", `/CN=${commonName}`, "-addext", "basicConstraints=critical,CA:TRUE"]);
  return {
    cert: root.cert,
    issue: (name, names) =>
      pair(
        ["-subj", `/O=Espalier/CN=${name}`, "-addext", `subjectAltName=${names}`, "-addext", CLIENT_AND_SERVER],
        root,
      ),
    vouchFor: (cert) => vouchFor(cert, root),
    revoke: (cert) => revoke(cert, root),
  };
}

const CLIENT_AND_SERVER = "extendedKeyUsage=serverAuth,clientAuth";

/** A certificate and its key, in PEM. */
interface Pair {
  readonly cert: string;
  readonly key: string;
}

function inDirectory<Result>(run: (directory: string) => Result): Result {
  const directory = mkdtempSync(join(tmpdir(), "espalier-"));
  try {
    return run(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function openssl(directory: string, args: readonly string[]): void {
  execFileSync("openssl", args, { cwd: directory, stdio: ["ignore", "ignore", "pipe"] });
}

function pair(args: readonly string[], root?: Pair): Pair {
  return inDirectory((directory) => {
    const read = (name: string): string => readFileSync(join(directory, name), "utf8");
    if (root !== undefined) write(directory, root);
    const signer = root === undefined ? [] : ["-CA", "ca.pem", "-CAkey", "ca.key"];
    const command = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2";
    openssl(directory, [...command.split(" "), "-keyout", "key.pem", "-out", "cert.pem", ...signer, ...args]);
    return { cert: read("cert.pem"), key: read("key.pem") };
  });
}

function write(directory: string, root: Pair): void {
  writeFileSync(join(directory, "ca.pem"), root.cert);
  writeFileSync(join(directory, "ca.key"), root.key, { mode: 0o600 });
}

function vouchFor(cert: string, root: Pair): Buffer {
  return inDirectory((directory) => {
    write(directory, root);
    writeFileSync(join(directory, "cert.pem"), cert);
    writeFileSync(join(directory, "index"), `V\t351231235959Z\t\t${serialOf(cert)}\tunknown\t/CN=server\n`);
    const files = "-index index -rsigner ca.pem -rkey ca.key -CA ca.pem -issuer ca.pem -cert cert.pem";
    openssl(directory, ["ocsp", ...files.split(" "), "-respout", "response.der", "-ndays", "7"]);
    return readFileSync(join(directory, "response.der"));
  });
}

function revoke(cert: string, root: Pair): string {
  return inDirectory((directory) => {
    write(directory, root);
    writeFileSync(
      join(directory, "index"),
      `R\t351231235959Z\t240101000000Z\t${serialOf(cert)}\tunknown\t/CN=revoked\n`,
    );
    writeFileSync(
      join(directory, "ca.cnf"),
      "[ca]\ndefault_ca = test\n[test]\ndatabase = index\ndefault_md = sha256\n",
    );
    const files = "-config ca.cnf -cert ca.pem -keyfile ca.key -out list.pem";
    openssl(directory, ["ca", "-gencrl", ...files.split(" "), "-crldays", "7"]);
    return readFileSync(join(directory, "list.pem"), "utf8");
  });
}

function serialOf(cert: string): string {
  return new X509Certificate(cert).serialNumber;
}
