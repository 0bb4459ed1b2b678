// The line at the top: whether the service is live, of which instant the figures are, and what to know about them.

import { by, fill, h } from './dom.js';
import { count, moment } from './format.js';

/**
 * Draws readiness and lag of `now`, and the instant `asOf` of the figures on the page; `lost` if nothing is heard any more, `failure`
 * if newer figures cannot be had.
 */
export function standing(now, asOf, lost, failure) {
  const zone = now?.time_zone ?? 'UTC';
  const ready = now?.readiness;
  const [kind, glyph, word] = lost
    ? ['lost', '✕', 'Connection lost']
    : !now
      ? ['waiting', '…', 'Connecting']
      : ready.ready
        ? ['live', '●', 'Live']
        : ['waiting', '◐', phase(ready.phase)];
  fill(by('phase'), h('span', { class: `pill ${kind}` }, h('span', { 'aria-hidden': 'true' }, `${glyph} `), word));
  fill(by('lag'), ready && !lost ? `${count(ready.lag.records)} ${ready.lag.records === 1 ? 'record' : 'records'} behind` : '');
  fill(by('as-of'), asOf ? ['As of ', instant(asOf, zone), ` ${zone}`] : 'No figures yet');
  fill(by('currency'), now?.currency ?? '');
  fill(by('banner'), sentences(now, asOf, lost, failure).map((sentence) => h('p', {}, sentence)));
}

/** An instant for people and machines. */
export const instant = (text, zone) => h('time', { datetime: text }, moment(text, zone));

function sentences(now, asOf, lost, failure) {
  const said = [];
  const zone = now?.time_zone ?? 'UTC';
  const ready = now?.readiness;
  if (lost) said.push(asOf ? `Connection lost: the figures are of ${moment(asOf, zone)} ${zone}.` : 'Connection lost.');
  if (ready && !ready.ready) said.push(ready.detail);
  for (const stop of ready?.stopped ?? []) said.push(`Partition ${stop.partition} has stopped: ${stop.reason.replaceAll('_', ' ')}.`);
  const share = now?.partitions;
  if (share && !share.complete) {
    const of = share.all === null ? '' : ` of ${share.all}`;
    said.push(`These figures cover ${share.counted}${of} partitions, the share of this instance: the others of its group have the rest.`);
  }
  if (now && !now.as_of && !lost) said.push('Figures are shown when they are known.');
  else if (failure && !lost) said.push(`${asOf ? 'Newer figures' : 'Figures'} cannot be had at the moment. ${failure.sentence ?? 'They are asked for again.'}`);
  return said;
}

const phase = (name) => (name.charAt(0).toUpperCase() + name.slice(1)).replaceAll('_', ' ');
