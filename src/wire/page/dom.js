// Elements without a framework: build a tree, then let the tree on the page become like it, so that focus, scroll position and
// open details stay where they are while figures change.

const SVG = 'http://www.w3.org/2000/svg';
const DRAWN = new Set(['svg', 'rect', 'line', 'text', 'path', 'circle', 'g']);

/** An element with attributes and children; what is null or false is left out. */
export function h(name, attributes = {}, ...children) {
  const element = DRAWN.has(name) ? document.createElementNS(SVG, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) element.setAttribute(key, value === true ? '' : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Gives `place` these children, changing only what differs. */
export function fill(place, ...children) {
  const wanted = document.createDocumentFragment();
  wanted.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  become(place, wanted);
}

function become(place, wanted) {
  const [had, want] = [[...place.childNodes], [...wanted.childNodes]];
  want.forEach((node, at) => {
    const old = had[at];
    if (!old) place.append(node);
    else if (old.nodeName !== node.nodeName || old.id !== node.id) old.replaceWith(node);
    else if (old.nodeType === Node.TEXT_NODE) {
      if (old.data !== node.data) old.data = node.data;
    } else if (old.nodeType === Node.ELEMENT_NODE) {
      attributes(old, node);
      become(old, node);
    }
  });
  had.slice(want.length).forEach((node) => node.remove());
}

function attributes(old, node) {
  for (const { name } of [...old.attributes]) {
    // Whether a definition is open is the reader's affair.
    if (!node.hasAttribute(name) && !(name === 'open' && old.localName === 'details')) old.removeAttribute(name);
  }
  for (const { name, value } of node.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  if (old.localName === 'input') old.checked = node.hasAttribute('checked');
}

/** The one element with this id. */
export const by = (id) => document.getElementById(id);

/** Text that only screen readers say. */
export const said = (text) => h('span', { class: 'said' }, text);

/** A figure: its exact value for machines, its text for people. */
export const figure = (value, text) => (value === null || value === undefined ? absent() : h('data', { value }, text));

/** What an undefined figure shows. */
export const absent = (why = 'undefined') => h('span', { class: 'absent' }, h('span', { 'aria-hidden': 'true' }, '–'), said(why));
