// Keys for reading: only while no text is being typed, only when switched on, and never together with Ctrl, Alt or Meta.
(() => {
  const acts = { j: "next", ArrowDown: "next", k: "previous", ArrowUp: "previous", a: "accept", r: "reject", e: "edit", m: "toggle_map", s: "toggle_several", c: "clear", u: "undo",
    g: "segment", l: "lesion", x: "new_lesion", w: "lesion_scribble", b: "lesion_box", z: "segment_undo", y: "segment_redo", d: "segment_done", i: "toggle_slab", 1: "window_lung", 2: "window_mediastinum", 3: "window_bone" };
  const typing = (element) => element.closest("textarea, select, [contenteditable], input:not([type=checkbox])") !== null;
  document.addEventListener("keydown", (event) => {
    const state = window.trame?.state;
    if (event.key === "Escape" && !typing(event.target) && state && (state.get("help") || state.get("enlarged"))) {
      state.set(state.get("help") ? "help" : "enlarged", state.get("help") ? false : "");
      return;
    }
    if (event.key === "?" && state?.get("keys_on") && !typing(event.target)) {
      state.set("help", !state.get("help"));
      return;
    }
    if (state?.get("help") || event.target.closest(".judging")) return;
    const arrow = event.key.startsWith("Arrow");
    const act = acts[arrow ? event.key : event.key.toLowerCase()];
    if (!act || !state?.get("keys_on") || event.ctrlKey || event.altKey || event.metaKey || typing(event.target)) return;
    if (arrow && !event.target.closest(".report")) return;
    event.preventDefault();
    event.stopPropagation();
    window.trame.trigger("key", [act]);
  }, true);
  // A template has no Uint8Array, and a report file may be DICOM.
  document.addEventListener("change", async ({ target }) => {
    if (target.id !== "report-file" || !target.files.length) return;
    const bytes = new Uint8Array(await target.files[0].arrayBuffer());
    target.value = "";
    window.trame.trigger("report_file", [bytes]);
  });
  // The picked sentence is brought into sight, and keeps the focus where the focus was in the report.
  let seen = null, questions = 0;
  setInterval(() => {
    // A new answer takes the focus from the line it was asked in, so that a key judges it; not from words being typed.
    const asked = window.trame?.state?.get("asking")?.history.length ?? 0, at = document.activeElement;
    if (asked > questions && at.closest(".asking") && !at.value) document.getElementById("answered")?.focus();
    questions = asked;
    for (const image of document.querySelectorAll("[data-view] img:not([alt])")) {
      image.alt = image.closest("[data-view]").getAttribute("aria-label");
    }
    const picked = window.trame?.state?.get("picked");
    const row = picked === null || picked === undefined ? null : document.getElementById(`sentence-${picked}`);
    if (picked === seen || !row) return;
    seen = picked;
    row.parentElement.scrollIntoView({ block: "nearest" });
    if (document.activeElement === document.body || document.activeElement.closest(".report")) row.focus({ preventScroll: true });
  }, 50);
})();
