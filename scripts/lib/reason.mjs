/**
 * Why a program of set-up failed, read from its output, and what to do about it: a full disk, a folder that cannot be written, no network.
 * For any other failure nothing is guessed: the program's own message is shown.
 */
import fs from "node:fs";
import { dirname } from "node:path";

/** Free bytes at `path`, which need not exist, as text; empty if the system does not tell. */
function free(path) {
  let folder = path;
  while (!fs.existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder);
  try {
    const { bavail, bsize } = fs.statfsSync(folder);
    return ` (${((bavail * bsize) / 2 ** 30).toFixed(1)} GiB free at ${folder})`;
  } catch {
    return "";
  }
}

/** The path that an error of Node, npm, Python or a compiler names: quoted, or after "path". */
function pathIn(line) {
  return (line.match(/['"‘](\/[^'"’]+)['"’]/) ?? line.match(/(?:path|open|mkdir|folder) (\/\S+)/))?.[1];
}

const patterns = {
  full: /ENOSPC|EDQUOT|No space left on device|Disk quota exceeded/i,
  // A folder that cannot be made: below a read-only one Node says ENOENT.
  readOnly: /EROFS|EACCES|EPERM|Read-only file system|Permission denied|npm (?:error|ERR!) syscall mkdir|ENOENT.*, mkdir '/i,
  certificate: /CERTIFICATE_VERIFY_FAILED|SELF_SIGNED_CERT|UNABLE_TO_(GET|VERIFY)_\w+|CERT_\w+|certificate verify failed/i,
  proxy: /\b407\b|Proxy Authentication Required|ProxyError|Cannot connect to proxy|tunneling socket could not be established/i,
  network:
    /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT|NewConnectionError|NameResolutionError|ConnectTimeoutError|ReadTimeoutError|Temporary failure in name resolution|Could not resolve host|Network is unreachable/i,
  memory: /\bKilled\b.*\bcc1plus\b|cc1plus.*\bKilled\b|virtual memory exhausted|Cannot allocate memory|\bENOMEM\b/i,
};

/** pip's warning that it continues without its cache; it is not the reason of a failure. */
const harmless = /^WARNING: (The directory|Cache entry|.*cache has been disabled)/;

/**
 * The reason in the output and the way out, or undefined for an unknown reason. `folder` is where the
 * program writes. The order matters: a full disk also breaks downloads, and an unwritable cache is often blamed on permissions.
 */
export function reasonIn(output, { folder } = {}) {
  const lines = output.split("\n").filter((line) => !harmless.test(line));
  const first = (pattern) => lines.find((line) => pattern.test(line));
  const near = (pattern) => {
    const i = lines.findIndex((line) => pattern.test(line));
    return lines
      .slice(Math.max(0, i - 4), i + 5)
      .map(pathIn)
      .find(Boolean);
  };

  if (first(patterns.full)) {
    const path = near(patterns.full) ?? folder;
    return `The disk is full${path ? free(path) : ""}. Set-up needs about 1 GiB; free some space and start again.`;
  }
  if (first(patterns.memory)) return "The machine ran out of memory. Close other programs and start again.";
  if (first(patterns.readOnly)) {
    const path = near(patterns.readOnly);
    return `${path ?? "A folder"} cannot be written. ${wayToWrite(output, path)}`;
  }
  if (first(patterns.certificate))
    return "The registry's certificate is not trusted here. Behind a proxy with its own certificate, set NODE_EXTRA_CA_CERTS (npm) and PIP_CERT (pip) to its file.";
  if (first(patterns.proxy)) return "The proxy refused the connection. Check HTTPS_PROXY and the proxy settings of npm and pip.";
  if (first(patterns.network))
    return "The package registry could not be reached. Set-up needs the network once; connect and start again.";
}

function wayToWrite(output, path) {
  if (/\bnpm (?:error|ERR!)/.test(output) && /_cacache|\.npm\b|_logs/.test(path ?? output))
    return "It is npm's cache: name another folder, as in `npm_config_cache=/tmp/npm-cache npm start`.";
  if (/\bpip\b/.test(path ?? ""))
    return "It is pip's cache: name another folder, as in `PIP_CACHE_DIR=/tmp/pip-cache npm start`.";
  return "Set-up writes into its own folder and into npm's and pip's caches: give yourself the right to write there, or use a copy elsewhere.";
}

/** The lines in which pip or npm report the error, without those about their progress. */
export function tailOf(output, lines = 40) {
  const noise =
    /^(INFO: pip is looking at|npm (notice|warn)\b|npm error A complete log of this run|Collecting | {2}Using cached | {2}Downloading |Requirement already|\s*[━╸ ]+\s*\d)/;
  return output
    .trimEnd()
    .split("\n")
    .filter((line) => !noise.test(line))
    .slice(-lines)
    .join("\n");
}
