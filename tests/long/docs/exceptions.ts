/** Why a line of the documents is not run as it is written, and what is done in its place. */
export interface Exception {
  /** What the line begins with. */
  readonly line: string;
  readonly reason: string;
  /** What stands in the line for something else; nothing if it is not run at all. */
  readonly replace?: Readonly<Record<string, string>>;
  /** A shell command that is run before it. */
  readonly before?: string;
  /** It runs until the end: what it prints when it is ready. */
  readonly ready?: RegExp;
}

const PASSWORD = "correct horse battery";

const ANOTHER_HOST = "takes another host";
const OF_ROOT =
  "changes the system; tests/executables/deployment.ts runs install.sh, which does it";
const NO_SYSTEMD = "there may be no systemd";
const A_FULL_FLEET = "it takes a fleet that is full; tests/long/fleet/queue_test.ts has one";
const A_FLEET = "it takes a whole fleet; tests/long/fleet/hub_test.ts asks one the same";
const SEVERAL_HUBS =
  "it takes a server of PostgreSQL and another host; tests/long/fleet/hubs_test.ts does the same";
const PASSWORD_IS_ASKED = "nobody types the password";

/**
 * Every line that is not run as written. Addresses are chosen by the variables `WORKER_ADDRESS`, `WORKER_DAEMON_ADDRESS` and
 * `WORKER_DAEMON_REST_ADDRESS`, so that lines need not be changed for those.
 */
export const EXCEPTIONS: readonly Exception[] = [
  {
    line: "npx -y deno@2.9.6 task -q demo ",
    reason: "tests/long/end_to_end/demo_test.ts runs it; there may be no registry here",
  },
  {
    line: "npx -y deno@2.9.6 task -q demo:fleet",
    reason: "tests/long/fleet/demo_test.ts runs it; there may be no registry here",
  },
  { line: "npx -y deno@2.9.6 task -q test", reason: "it is what runs this" },
  { line: "deno task -q start", reason: "it runs until it is ended", ready: /listening on/ },
  {
    line: "deno task -q user add alice",
    reason: PASSWORD_IS_ASKED,
    replace: { "operator ": `operator <<<'${PASSWORD}' ` },
  },
  {
    line: "curl --cacert",
    reason: `${PASSWORD_IS_ASKED}, the port is a free one, and the daemon is told of the user`,
    replace: {
      "-u alice": `-u 'alice:${PASSWORD}' --silent --fail-with-body`,
      "localhost:8443": "$REST_ADDRESS",
    },
    before: "restart",
  },
  {
    line: "rest() {",
    reason: "it takes a daemon with a user, whose password is asked for",
    replace: { "$PASSWORD": PASSWORD },
    before: "deno task -q certs &>/dev/null; " +
      `deno task -q user add alice --role operator <<<'${PASSWORD}' &>/dev/null; restart`,
  },
  {
    line: "json='content-type",
    reason: "the port is a free one",
    replace: { "localhost:8443": "$REST_ADDRESS" },
  },
  {
    line: "grpcurl",
    reason: "not every machine has it; tests/grpc/reflection_test.ts asks the same",
  },
  { line: "ssh root@server mkdir", reason: ANOTHER_HOST },
  { line: "scp server:/usr/local/bin", reason: ANOTHER_HOST },
  { line: "cd ~/job-worker", reason: ANOTHER_HOST },
  { line: "install -m 755", reason: OF_ROOT },
  { line: "useradd", reason: OF_ROOT },
  { line: "~/job-worker/deploy/install.sh", reason: OF_ROOT },
  {
    line: "systemctl --user enable --now",
    reason: `${NO_SYSTEMD}: the daemon without it`,
    replace: {
      "systemctl --user enable --now ~/job-worker/worker-daemon-jobs.service ~/job-worker/worker-daemon.socket ~/job-worker/worker-daemon.service":
        "worker-daemon --config=$HOME/job-worker/job-worker.json --job-user=$(id -un)",
    },
    ready: /listening on/,
  },
  { line: "loginctl enable-linger", reason: NO_SYSTEMD },
  {
    line: "worker-cli certs add alice --role operator     #",
    reason: "it is for where the CA is",
    before: "deno task -q certs &>/dev/null",
  },
  {
    line: "worker-cli certs list --dir /etc/job-worker/certs",
    reason: "it is about an installed server: another directory",
    replace: { "/etc/job-worker/certs": "certs" },
  },
  { line: "systemctl reload worker-daemon  ", reason: NO_SYSTEMD },
  {
    line: "worker-daemon --rest-address=127.0.0.1:8443 --public-origins",
    reason:
      "it is about a daemon that has certificates, runs until it is ended, and any port will do",
    replace: { "127.0.0.1:8443": "127.0.0.1:0" },
    before: "deno task -q certs &>/dev/null",
    ready: /listening on/,
  },
  {
    line: "worker-daemon --metrics-address=9464",
    reason: "it needs certificates, runs until it is ended, and any port will do",
    replace: { "=9464": "=0" },
    before: "deno task -q certs &>/dev/null",
    ready: /serving metrics at/,
  },
  {
    line: "curl -s http://127.0.0.1:9464/metrics",
    reason: "the port is a free one",
    replace: {
      "http://127.0.0.1:9464/metrics": "$(sed -n 's/^.* serving metrics at //p' daemon.log)",
    },
  },
  {
    line: "worker-daemon init --dir=/etc/job-worker",
    reason: "changes the system: another directory",
    replace: { "/etc/job-worker": "etc" },
  },
  {
    line: "worker-daemon --check-config",
    reason: "changes the system: another directory, and a user that is there",
    replace: {
      "--check-config": "--check-config --config=etc/job-worker.json --job-user=$(id -un)",
    },
  },
  {
    line: "systemctl enable --now",
    reason: `${OF_ROOT}: the daemon without systemd`,
    replace: {
      "systemctl enable --now /etc/job-worker/worker-daemon-jobs.service /etc/job-worker/worker-daemon.socket /etc/job-worker/worker-daemon.service":
        "worker-daemon --config=etc/job-worker.json --job-user=$(id -un)",
    },
    ready: /listening on/,
  },
  {
    line: "worker-daemon user add bob",
    reason: `${PASSWORD_IS_ASKED}, and the directory is another`,
    replace: { "operator ": `operator --users=etc/certs/users.htpasswd <<<'${PASSWORD}' ` },
  },
  {
    line: "scp root@server:/etc/job-worker/certs/",
    reason: ANOTHER_HOST,
    replace: { "scp root@server:/etc/job-worker": "cp etc", "pem .": "pem ~/.config/job-worker" },
  },
  {
    line: "mkdir -p ~/.config/job-worker && cd",
    reason: "the next lines are of the same directory",
    replace: { " && cd ~/.config/job-worker": "" },
  },
  {
    line: "worker-cli completions fish >",
    reason: "fish makes its directory itself",
    before: "mkdir -p ~/.config/fish/completions",
  },
  {
    line: "worker-daemon --config=here/job-worker.json",
    reason: "it runs until it is ended",
    ready: /listening on/,
  },
  {
    line: "worker-cli run --timeout 1s",
    reason: "it is about the daemon that README starts",
    before: "deno task -q certs &>/dev/null; restart",
  },
  {
    line: "cd hub/fleet && nats-server",
    reason: "not every machine has it; tests/fleet/nats_conf_test.ts starts it in that directory",
  },
  {
    line: "nats-server --signal",
    reason: "not every machine has it; tests/fleet/nats_conf_test.ts does the same",
  },
  {
    line: "scp web-1.join",
    reason: ANOTHER_HOST,
  },
  { line: "createuser", reason: SEVERAL_HUBS },
  { line: "createdb", reason: SEVERAL_HUBS },
  { line: "ssh hub-2", reason: SEVERAL_HUBS },
  { line: "scp -rp hub/", reason: SEVERAL_HUBS },
  { line: "scp -p hub/", reason: SEVERAL_HUBS },
  {
    line: "worker-daemon --config=hub/job-worker.json",
    reason: "it runs until it is ended",
    ready: /listening on/,
  },
  {
    line: "worker-daemon --config=host/job-worker.json",
    reason: "it runs until it is ended",
    ready: /listening on/,
  },
  { line: "worker-cli hosts", reason: A_FLEET },
  { line: "worker-cli start --on role=web -- make", reason: A_FULL_FLEET },
  { line: "worker-cli status 01993f0e", reason: A_FULL_FLEET },
  {
    line: "worker-cli run --request-id",
    reason: "changes the system: other directories, and the daemon that README starts",
    replace: { "/srv": "$PWD/proto", "/var/backups": "$PWD" },
    before: "deno task -q certs &>/dev/null; restart",
  },
  {
    line: "worker-cli run --quiet --name mirror",
    reason: "changes the system: other directories",
    replace: { "/srv/.": "$PWD/proto/.", "/var/backups/srv": "$PWD/mirror" },
  },
  {
    line: "worker-cli start --name reindex --notify",
    reason: "it is about a daemon that allows the host",
    before: "export WORKER_DAEMON_NOTIFY_ALLOW=hooks.example; restart",
  },
  {
    line: "worker-cli run -i --env VERSION",
    reason: "it is about what a pipeline has",
    before: "CI_COMMIT_SHA=1f0c; echo 'echo \"deploying $VERSION\"' >deploy.sh",
  },
  {
    line: "worker-cli run -i -- sh -c 'cat >/var/tmp",
    reason: "changes the system: another directory",
    replace: { "'cat >/var/tmp/": `"cat >'$PWD'/copy-of-`, "gz' <": `gz" <` },
  },
  { line: "worker-cli run --on", reason: A_FLEET },
  { line: "worker-cli run --all", reason: A_FLEET },
  { line: "worker-cli list running --host", reason: A_FLEET },
];
