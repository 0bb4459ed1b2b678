// One part of the API that is asked again and again: never twice at once, the newest question wins, and what is known always says
// which question it answers. Parts know nothing of each other, so that a slow or failing one holds nobody up.

/** How long after a failure the same is not asked for again, in milliseconds. */
const PAUSE = 2_000;

/**
 * A part of the API. `path` makes an address of a question; `rest` is for how long an answer does although figures have moved;
 * `patience` is how long an answer may take; `told` is called when there is another answer to draw.
 */
export function source(path, { rest = 0, patience = 65_000, told }) {
  let known = null;
  let wanted = null;
  let running = null;

  /** Whether what is known does for what is wanted, for now. */
  const does = () => {
    if (known === null || known.question !== wanted.question) return false;
    const age = performance.now() - known.begun;
    if (known.failed) return age < PAUSE;
    return known.stamp === wanted.stamp || age < rest;
  };

  const start = async () => {
    const mine = { ...wanted, begun: performance.now(), stop: new AbortController() };
    running = mine;
    const bell = setTimeout(() => mine.stop.abort(), patience);
    const answer = await ask(path(mine.question), mine.stop.signal);
    clearTimeout(bell);
    // Another question has overtaken it.
    if (running !== mine) return;
    running = null;
    const { question, stamp, begun } = mine;
    const before = known?.question === question ? known.body : null;
    // What is refused is refused until something changes; what failed is tried again, and what was known stays.
    const failed = answer.status !== 200 && !(answer.status >= 400 && answer.status < 429);
    const body = answer.status === 200 ? answer.body : failed ? before : null;
    const failure = answer.status === 200 ? null : { status: answer.status, sentence: answer.body?.error ?? null };
    known = { question, stamp, begun, failed, body, failure };
    told();
    if (wanted !== null && !does()) start();
  };

  return {
    /** Wants the answer to a question; `stamp` is another one when it may have changed. Null: nothing can be known. */
    want(question, stamp) {
      wanted = question === null ? null : { question, stamp };
      if (running !== null && running.question !== question) {
        running.stop.abort();
        running = null;
      }
      if (wanted === null) known = null;
      else if (running === null && !does()) start();
    },

    /** The newest answer with the question it belongs to: `body`, or `failure` with its sentence, or both. */
    known: () => known,

    /** Whether what is known answers what is wanted; an old answer to the same question does. */
    isOf: (question) => known !== null && known.question === question,
  };
}

/** One answer: its status, and its document if there is one. Status 0: there is none. */
async function ask(path, signal) {
  try {
    const answer = await fetch(path, { cache: 'no-store', signal });
    const isDocument = answer.headers.get('content-type')?.startsWith('application/json');
    return { status: answer.status, body: isDocument ? await answer.json() : null };
  } catch {
    return { status: 0, body: null };
  }
}
