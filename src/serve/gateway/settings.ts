/** How long each step of one call may take, milliseconds. */
export interface Deadlines {
  readonly connectMs: number
  /** From the call to the first event of the answer. */
  readonly firstEventMs: number
  readonly betweenEventsMs: number
}

/** Times and counts of the path, milliseconds unless the name says otherwise. */
export interface GatewaySettings extends Deadlines {
  /** A stream that has nothing to say for this long gets a comment, so that nobody in between gives up. */
  readonly heartbeatMs: number
  /** How long a streamed answer's first event may decide the status; later, 200 and heartbeats go out first. */
  readonly headersAfterMs: number
  /** Most bytes of a whole answer. */
  readonly maxAnswerBytes: number
  readonly retries: {
    /** Tries at one target, the first included. */
    readonly attempts: number
    /** Doubles with each try. */
    readonly backoffMs: number
    /** The longest wait, `Retry-After` included; what asks for more is not waited for. */
    readonly maxWaitMs: number
  }
  readonly health: {
    /** Failures in a row that open the circuit. */
    readonly failuresToOpen: number
    /** How long an open circuit lets nobody through. */
    readonly openMs: number
  }
  readonly queue: {
    /** The longest wait for a slot. */
    readonly maxWaitMs: number
  }
}
