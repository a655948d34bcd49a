// Small things that the theme leaves out for people who read without a mouse.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  // The labels of these buttons would hide their own text from screen readers.
  const labelled = ".search-button-field, .theme-switch-button, .cell summary";
  for (const button of document.querySelectorAll(labelled)) {
    button.removeAttribute("aria-label");
  }
  // A list whose entries are no list items to a screen reader is better none.
  for (const list of document.querySelectorAll(".citation-list")) list.removeAttribute("role");
  // Whatever scrolls sideways can be reached and scrolled by keyboard.
  const reachable = () => {
    for (const element of document.querySelectorAll(".bd-article :is(pre, table, dt.sig)")) {
      if (element.scrollWidth > element.clientWidth) element.tabIndex = 0;
    }
  };
  reachable();
  window.addEventListener("resize", reachable);
});
