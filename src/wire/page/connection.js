// What the service says of itself, as it says it: a stream of events, or asking every few seconds where no stream gets through.

/** Silence after which the connection counts as lost; the service says something every five seconds. */
const SILENCE = 12_000;
const POLL = 3_000;
const TICK = 1_000;
/** How long asking goes on before a stream is tried again. */
const RETRY = 30_000;

/** Hands every document to `tell`, and says `lose` while nothing is heard any more. A page that nobody looks at holds no connection. */
export function follow(tell, lose) {
  let source = null;
  let heard = performance.now();
  let polling = null;
  let retry = null;

  const hear = (document) => {
    heard = performance.now();
    tell(document);
  };

  const ask = async () => {
    try {
      const answer = await fetch('api/v1/now', { cache: 'no-store' });
      if (answer.ok && polling !== null) hear(await answer.json());
    } catch {
      // Silence says it, if it lasts.
    }
  };

  const poll = () => {
    if (polling === null) polling = setInterval(ask, POLL);
  };

  const open = () => {
    source?.close();
    source = new EventSource('api/v1/stream');
    source.addEventListener('now', (event) => {
      clearInterval(polling);
      polling = null;
      hear(JSON.parse(event.data));
    });
    source.addEventListener('error', () => {
      poll();
      // A browser tries again by itself after a lost connection, but not after an answer such as 503.
      if (source.readyState === EventSource.CLOSED) {
        clearTimeout(retry);
        retry = setTimeout(open, RETRY);
      }
    });
  };

  const rest = () => {
    source?.close();
    clearTimeout(retry);
    clearInterval(polling);
    polling = null;
  };

  document.addEventListener('visibilitychange', () => {
    if (document.hidden) return rest();
    heard = performance.now();
    open();
  });
  addEventListener('pagehide', rest);
  let ticked = performance.now();
  setInterval(() => {
    const now = performance.now();
    // Time in which the page itself did not run (a laptop that slept, a busy browser) is nobody's silence.
    heard += Math.max(0, now - ticked - 2 * TICK);
    ticked = now;
    if (!document.hidden && now - heard > SILENCE) lose();
  }, TICK);
  open();
}
