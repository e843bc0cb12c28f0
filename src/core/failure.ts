/**
 * The one table of failures. `status` is what a client sees; `retry` says whether the same call can succeed
 * later, at another target (`elsewhere`), or never; `help` tells a person what to do.
 */
export const failures = {
  // The request itself.
  bad_json: { status: 400, retry: 'never', help: 'Send a body that is one JSON object in UTF-8.' },
  duplicate_key: {
    status: 400,
    retry: 'never',
    help: 'Send the field once: programs disagree on which of two counts.',
  },
  bad_request: { status: 400, retry: 'never', help: 'Correct the field named in `param`.' },
  unsupported: {
    status: 400,
    retry: 'elsewhere',
    help: 'This model’s backend cannot do that; leave the field out or ask another model.',
  },
  too_large: { status: 413, retry: 'never', help: 'Shorten the request, or raise `server.maxBodyBytes`.' },
  slow_body: {
    status: 408,
    retry: 'never',
    help: 'Check the network, or raise `server.bodyTimeoutMs`.',
  },
  bad_encoding: {
    status: 415,
    retry: 'never',
    help: 'Send the body plain, or with content-encoding gzip, deflate, br or zstd.',
  },
  not_found: {
    status: 404,
    retry: 'never',
    help: 'Check the path: `POST /v1/chat/completions` asks a model, `GET /v1/models` lists them.',
  },
  method_not_allowed: { status: 405, retry: 'never', help: 'Use the method named in the `allow` header.' },
  // Who asks.
  key_missing: {
    status: 401,
    retry: 'never',
    help: 'Send `Authorization: Bearer ih-…`; `inhouse keys create --name N` makes a key.',
  },
  key_unknown: {
    status: 401,
    retry: 'never',
    help: 'Check that it is whole; `inhouse keys list` shows the keys in force.',
  },
  key_revoked: { status: 401, retry: 'never', help: 'Ask for a new key.' },
  key_expired: { status: 401, retry: 'never', help: 'Ask for a new key.' },
  model_not_allowed: {
    status: 403,
    retry: 'never',
    help: '`inhouse keys list` shows what each key may ask for.',
  },
  admin_needed: {
    status: 403,
    retry: 'never',
    help: 'Whoever runs this server brings models: `inhouse models pull NAME`, or a key made with `inhouse keys create --admin`.',
  },
  origin_refused: {
    status: 403,
    retry: 'never',
    help: 'The listener without keys is for programs on this machine; web pages and other host names use the one with keys.',
  },
  rate_limited: { status: 429, retry: 'later', help: 'Wait for `retry-after`, or have the limit raised.' },
  // Where it goes.
  model_unknown: {
    status: 404,
    retry: 'never',
    help: '`GET /v1/models` lists the models; `models:` in the config adds one.',
  },
  no_target: {
    status: 503,
    retry: 'later',
    help: '`inhouse explain ID` shows why each backend was passed over.',
  },
  place_not_cleared: {
    status: 403,
    retry: 'elsewhere',
    help: 'The request is too sensitive for the place of this model; ask one that runs in house.',
  },
  offline: {
    status: 403,
    retry: 'elsewhere',
    help: 'This server is set to be offline and asks no third party. Ask a model that runs in house, or take `offline` out of its config (INHOUSE_OFFLINE out of its environment).',
  },
  cloud_model: {
    status: 403,
    retry: 'elsewhere',
    help: 'Ollama hands calls to this model on to another company. If that may be, reach it through a backend of its own that says `place: cloud`.',
  },
  queue_full: {
    status: 503,
    retry: 'elsewhere',
    help: 'Wait for `retry-after`, add capacity, or raise `queue`.',
  },
  queue_timeout: {
    status: 503,
    retry: 'elsewhere',
    help: 'Wait for `retry-after`, or add capacity.',
  },
  circuit_open: {
    status: 503,
    retry: 'elsewhere',
    help: 'It is asked again after a rest; the server’s log says how it failed.',
  },
  draining: { status: 503, retry: 'later', help: 'Ask again in a moment.' },
  // The upstream.
  connect_failed: {
    status: 502,
    retry: 'elsewhere',
    help: 'Check the backend’s `url`, and that it runs.',
  },
  connect_timeout: {
    status: 504,
    retry: 'elsewhere',
    help: 'Check the backend’s `url` and the network, or raise `timeouts.connectMs`.',
  },
  first_event_timeout: {
    status: 504,
    retry: 'elsewhere',
    help: 'Raise `timeouts.firstEventMs` where a model may be silent so long before it answers.',
  },
  stalled: {
    status: 504,
    retry: 'elsewhere',
    help: 'Raise `timeouts.betweenEventsMs` where a model may pause so long in an answer.',
  },
  upstream_cut: {
    status: 502,
    retry: 'elsewhere',
    help: 'Ask again; if it repeats, the backend’s own log says why.',
  },
  upstream_invalid: {
    status: 502,
    retry: 'elsewhere',
    help: 'Check the backend’s `kind`: what it sent is not that dialect.',
  },
  upstream_too_large: {
    status: 502,
    retry: 'elsewhere',
    help: 'Ask for less at once.',
  },
  upstream_auth: {
    status: 502,
    retry: 'elsewhere',
    help: 'The backend refused our credentials; check its `apiKey`.',
  },
  upstream_forbidden: {
    status: 403,
    retry: 'elsewhere',
    help: 'The backend may not do this for us: the model, the content or the region is closed to our account.',
  },
  upstream_rate_limited: {
    status: 429,
    retry: 'elsewhere',
    help: 'The backend’s own rate limit is reached; wait for `retry-after`.',
  },
  upstream_overloaded: {
    status: 503,
    retry: 'elsewhere',
    help: 'The backend is overloaded; wait for `retry-after`.',
  },
  upstream_rejected: {
    status: 400,
    retry: 'never',
    help: 'The backend refused the request; its own message says why.',
  },
  content_refused: {
    status: 400,
    retry: 'elsewhere',
    help: 'The vendor’s content filter stopped it before the model saw it; word it otherwise, or ask a model whose filter is set otherwise.',
  },
  upstream_not_found: {
    status: 404,
    retry: 'elsewhere',
    help: 'The backend does not know this model; check `model` in its row.',
  },
  upstream_failed: { status: 502, retry: 'elsewhere', help: 'The backend failed; its own message says why.' },
  context_exceeded: {
    status: 400,
    retry: 'elsewhere',
    help: 'The prompt is longer than the model’s context; shorten it or ask a model with more.',
  },
  client_left: { status: 499, retry: 'never', help: 'The client hung up before the answer was complete.' },
  // The store.
  store_full: {
    status: 503,
    retry: 'later',
    help: 'Free some space: nothing is served that cannot be written down.',
  },
  store_failed: {
    status: 503,
    retry: 'later',
    help: '`inhouse doctor` says why.',
  },
  store_newer: {
    status: 500,
    retry: 'never',
    help: 'The store was written by a newer inhouse; update this one, or restore a backup.',
  },
  store_busy: { status: 503, retry: 'later', help: 'Stop the server that uses it, or wait.' },
  store_damaged: {
    status: 500,
    retry: 'never',
    help: '`inhouse store restore FILE` puts a backup in its place.',
  },
  request_unknown: {
    status: 404,
    retry: 'never',
    help: '`inhouse explain` lists the newest requests. A call that was refused before it was admitted (no key, an unknown model, over its limit) stands only in the log of the server, with its id and the reason.',
  },
  response_unknown: {
    status: 404,
    retry: 'never',
    help: 'It was made with another key, with `store: false`, was deleted, or its time is over (`responses.keepHours`).',
  },
  previous_response_unknown: {
    status: 400,
    retry: 'never',
    help: 'Send the whole conversation: that response was made with another key, with `store: false`, was deleted, or its time is over.',
  },
  // Config and command line.
  config_invalid: {
    status: 500,
    retry: 'never',
    help: '`inhouse config check` shows each mistake with its line.',
  },
  config_missing: {
    status: 500,
    retry: 'never',
    help: 'Give the right path to `--config`, or leave it out to use the built-in model.',
  },
  usage_wrong: {
    status: 500,
    retry: 'never',
    help: '`inhouse help` lists the commands; each has a `--help` with examples.',
  },
  tool_missing: {
    status: 500,
    retry: 'never',
    help: 'Install it as its maker says; `inhouse connect` lists what is installed here.',
  },
  file_unfit: {
    status: 500,
    retry: 'never',
    help: 'Correct the file, or make the change by hand: nothing was written.',
  },
  file_changed: {
    status: 500,
    retry: 'never',
    help: 'Take what inhouse wrote out by hand: nothing was written.',
  },
  context_too_small: {
    status: 500,
    retry: 'never',
    help: 'Choose another model with `--model`, or give this one more `context` in its row of the config.',
  },
  path_unusable: {
    status: 500,
    retry: 'never',
    help: 'Make it writable for this user, or name another home with `--home` or INHOUSE_HOME.',
  },
  port_in_use: {
    status: 500,
    retry: 'never',
    help: 'Stop the program that listens there, or choose another address with `--listen HOST:PORT`.',
  },
  listen_failed: {
    status: 500,
    retry: 'never',
    help: 'Name an address of this machine: 127.0.0.1 for itself alone, 0.0.0.0 or [::] for all that it has.',
  },
  server_unreachable: {
    status: 500,
    retry: 'later',
    help: 'Start the server with `inhouse serve`, or check the address.',
  },
  // Engines, models, installing.
  python_missing: {
    status: 500,
    retry: 'never',
    help: 'Install Python 3.10 or newer (or uv), or point `engines.llamaServer` at a llama-server of your own.',
  },
  pip_missing: {
    status: 500,
    retry: 'never',
    help: 'This Python has no pip: install it (Debian: `apt install python3-pip python3-venv`) or uv.',
  },
  network_unreachable: {
    status: 500,
    retry: 'later',
    help: 'The download needs a network, a mirror or a proxy; in closed networks use `engines install --from FILE` and models with `file:`.',
  },
  digest_mismatch: {
    status: 500,
    retry: 'never',
    help: 'The file is not the one that was asked for. Nothing was kept. Try again; if it repeats, do not trust the source.',
  },
  disk_full: {
    status: 500,
    retry: 'never',
    help: 'Free some space, or put the home on another disk with `--home`.',
  },
  download_failed: {
    status: 500,
    retry: 'later',
    help: 'Run the command again; what arrived is kept and the rest is fetched.',
  },
  archive_unsafe: {
    status: 500,
    retry: 'never',
    help: 'Nothing was kept. Check that it is the right file; if it is damaged or harmful, do not trust where it came from.',
  },
  source_missing: {
    status: 500,
    retry: 'never',
    help: 'Check name, revision and spelling.',
  },
  source_denied: {
    status: 500,
    retry: 'never',
    help: 'The source wants an account: accept its terms there and set its token (`HF_TOKEN` for the hub).',
  },
  package_missing: {
    status: 500,
    retry: 'never',
    help: 'The package index has nothing for this machine: check the name, update pip, or set its mirror.',
  },
  engine_missing: {
    status: 503,
    retry: 'elsewhere',
    help: '`inhouse engines install` brings one; `inhouse doctor` shows what was looked for.',
  },
  engine_unsupported: {
    status: 500,
    retry: 'never',
    help: '`inhouse doctor` shows what this machine has and what it needs; `engines.llamaServer` takes a llama-server of your own.',
  },
  engine_failed: {
    status: 503,
    retry: 'elsewhere',
    help: 'The engine’s log stands in the home under `logs/`.',
  },
  engine_loading: { status: 503, retry: 'later', help: 'The model is being loaded; ask again in a moment.' },
  model_missing: { status: 503, retry: 'elsewhere', help: '`inhouse models pull NAME` brings the file.' },
  model_unsafe: {
    status: 500,
    retry: 'never',
    help: 'Only GGUF and safetensors are taken; other formats can carry code.',
  },
  source_unknown: {
    status: 500,
    retry: 'never',
    help: '`inhouse models pull --help` shows each kind of source with an example.',
  },
  internal: {
    status: 500,
    retry: 'never',
    help: 'This is a mistake in inhouse; the request id finds it in the log.',
  },
} as const satisfies Record<string, FailureRow>

interface FailureRow {
  readonly status: number
  readonly retry: 'never' | 'later' | 'elsewhere'
  readonly help: string
}

export type FailureCode = keyof typeof failures

/** What happened, for people and programs. Never prompt or answer text. */
export interface Facts {
  /** One sentence that names the case. */
  readonly message: string
  /** What to do in this case, where the table’s help does not fit it. */
  readonly help?: string
  /** The field at fault. */
  readonly param?: string
  /** The upstream's address, where `message` names it: for the log and `explain`, while clients are told its name. */
  readonly address?: string
  readonly retryAfterMs?: number
  /** The upstream's own error, kept so that a client of the same dialect sees it as it came. */
  readonly upstream?: {
    readonly status: number
    readonly contentType: string | undefined
    readonly body: Uint8Array
  }
}

/** Thrown with a code and facts; each surface and the command line render it in their own way. */
export class Failure extends Error {
  readonly code: FailureCode
  readonly facts: Facts

  constructor(code: FailureCode, facts: Facts | string, options?: { cause?: unknown }) {
    const known: Facts = typeof facts === 'string' ? { message: facts } : facts
    super(known.message, options)
    this.name = 'Failure'
    this.code = code
    this.facts = known
  }

  get status(): number {
    return failures[this.code].status
  }

  get help(): string {
    return this.facts.help ?? failures[this.code].help
  }

  get canGoElsewhere(): boolean {
    return failures[this.code].retry === 'elsewhere'
  }
}

/** Any thrown value as a Failure; what is not one of ours is `internal`, with its cause kept for the log. */
export const asFailure = (thrown: unknown): Failure =>
  thrown instanceof Failure
    ? thrown
    : new Failure('internal', 'Something failed inside inhouse.', { cause: thrown })
