/** What npm, pip, Python and a compiler printed in each case, word for word. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { reasonIn, tailOf } from "./reason.mjs";
import { run, shown } from "./step.mjs";

const npmOffline = `npm error code ECONNREFUSED
npm error errno ECONNREFUSED
npm error FetchError: request to http://127.0.0.1:9/zeromq failed, reason: connect ECONNREFUSED 127.0.0.1:9
npm error If you are behind a proxy, please make sure that the 'proxy' config is set properly.  See: 'npm help config'
npm error A complete log of this run can be found in: /home/ada/.npm/_logs/2026-01-01-debug-0.log`;
const npmNoCache = `npm error code ENOENT
npm error syscall mkdir
npm error path /home/ada/.npm
npm error errno ENOENT
npm error enoent Invalid response body while trying to fetch https://registry.example/zeromq: ENOENT: no such file or directory, mkdir '/home/ada/.npm'`;
const npmRootCache = `npm error code EACCES
npm error syscall mkdir
npm error path /home/ada/.npm/_cacache/index-v5/c0
npm error errno EACCES`;
const pipOffline = `WARNING: Retrying (Retry(total=0, connect=None)) after connection broken by 'NewConnectionError('<pip._vendor.urllib3.connection.HTTPConnection object at 0x7f>: Failed to establish a new connection: [Errno 111] Connection refused')': /jupyterlab/
ERROR: Could not find a version that satisfies the requirement jupyterlab==4.6.6 (from versions: none)
ERROR: No matching distribution found for jupyterlab==4.6.6`;
const pipConflict = `WARNING: The directory '/home/ada/.cache/pip' or its parent directory is not owned or is not writable by the current user. The cache has been disabled. Permission denied.
INFO: pip is looking at multiple versions of tornado to determine which version is compatible with other requirements. This could take a while.
ERROR: Cannot install nbconvert because these package versions have conflicting dependencies.
The conflict is caused by:
    beautifulsoup4 4.15.0 depends on soupsieve>=1.6.1
    The user requested (constraint) soupsieve==4.1.3`;

test("no network, whoever says it", () => {
  for (const output of [npmOffline, pipOffline]) assert.match(reasonIn(output), /^The package registry could not be reached\./);
});

test("npm's cache that cannot be written is named, with another place for it", () => {
  assert.match(reasonIn(npmNoCache), /^\/home\/ada\/\.npm cannot be written\. It is npm's cache: .*npm_config_cache=/);
  assert.match(reasonIn(npmRootCache), /^\/home\/ada\/\.npm\/_cacache\S* cannot be written\. It is npm's cache/);
});

test("a full disk, with what is free where it is", () => {
  const outputs = [
    "Error: [Errno 28] No space left on device",
    "npm error ENOSPC: no space left on device, write",
    "fatal error: error writing to /tmp/x.s: No space left on device",
  ];
  for (const output of outputs) assert.match(reasonIn(output, { folder: "/" }), /^The disk is full \([\d.]+ GiB free at .*\)\./);
});

test("certificates, proxies, memory", () => {
  assert.match(reasonIn("npm error code SELF_SIGNED_CERT_IN_CHAIN"), /NODE_EXTRA_CA_CERTS.*PIP_CERT/);
  assert.match(
    reasonIn("SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate"),
    /NODE_EXTRA_CA_CERTS/,
  );
  assert.match(reasonIn("ProxyError('Cannot connect to proxy.', OSError('Tunnel connection failed: 407"), /HTTPS_PROXY/);
  assert.match(reasonIn("c++: fatal error: Killed signal terminated program cc1plus"), /out of memory/);
});

test("versions that do not fit are blamed on nothing else: pip's own words are what is shown", () => {
  assert.equal(reasonIn(pipConflict), undefined);
  assert.doesNotMatch(tailOf(pipConflict), /^INFO/m);
  assert.match(tailOf(pipConflict), /soupsieve==4\.1\.3$/);
});

test("a program's failure ends with the reason; without a known one it ends with the command", async () => {
  const fails = (output) => run(process.execPath, ["-e", `console.log(${JSON.stringify(output)}); process.exitCode = 1`]);
  await assert.rejects(
    fails(pipOffline),
    /No matching distribution[\s\S]*exit code 1\.\nThe package registry could not be reached/,
  );
  await assert.rejects(fails(pipConflict), /soupsieve==4\.1\.3\n\n[\s\S]*ended with exit code 1\.$/);
});

test("a folder of ours that cannot be written is reported without a stack", () => {
  const error = Object.assign(new Error("EROFS: read-only file system, mkdir '/mnt/clone/dist'"), {
    code: "EROFS",
    syscall: "mkdir",
  });
  assert.match(shown(error), /^EROFS: .*\n\/mnt\/clone\/dist cannot be written\. Set-up writes into its own folder/);
  assert.match(shown(new TypeError("ours")), /TypeError: ours\n +at /);
});
