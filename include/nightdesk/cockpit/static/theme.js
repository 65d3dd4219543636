// Dark or light as Airflow's own page around this one, else as it was chosen there, else as the system has it.
"use strict";
(function () {
  const own = document.documentElement;

  function around() {
    try {
      return window.parent !== window ? window.parent.document.documentElement : null;
    } catch (error) {
      return null; // framed by a page of another origin
    }
  }

  function chosen() {
    const frame = around();
    if (frame && frame.classList.contains("dark")) return "dark";
    if (frame && frame.classList.contains("light")) return "light";
    let said = null;
    try {
      said = window.localStorage.getItem("theme");
    } catch (error) {
      said = null; // storage is closed
    }
    if (said === "dark" || said === "light") return said;
    return window.matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  }

  function apply() {
    const wanted = chosen();
    if (own.dataset.theme === wanted) return;
    own.dataset.theme = wanted;
    document.dispatchEvent(new CustomEvent("themed"));
  }

  apply();
  const frame = around();
  if (frame) new MutationObserver(apply).observe(frame, { attributes: true, attributeFilter: ["class"] });
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", apply);
})();
