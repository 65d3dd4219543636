// The card on Airflow's home: one line a book with its gravest light. React is the page's own.
(function () {
  const { createElement: h, useEffect, useState } = globalThis.React;
  const COLOURS = { gain: "#0f9d63", warn: "#c98a00", loss: "#d3443b", "": "#8290a5" };

  function Light({ light }) {
    return h(
      "li",
      { style: { display: "flex", alignItems: "center", gap: 6, whiteSpace: "nowrap" } },
      h("span", { "aria-hidden": true, style: { width: 9, height: 9, borderRadius: "50%", background: COLOURS[light.tone] } }),
      `${light.about}: ${light.words}`,
    );
  }

  function Book({ book }) {
    return h(
      "div",
      { style: { padding: "8px 0", borderTop: "1px solid rgba(128,144,165,.35)" } },
      h("div", { style: { display: "flex", justifyContent: "space-between", gap: 12, flexWrap: "wrap" } },
        h("a", { href: book.href, style: { fontWeight: 600 } }, book.title),
        h("span", { style: { fontVariantNumeric: "tabular-nums" } }, book.figures)),
      h("ul", { style: { display: "flex", flexWrap: "wrap", gap: "2px 14px", listStyle: "none", margin: "4px 0 0", padding: 0, fontSize: 13 } },
        book.lights.map((light) => h(Light, { key: light.about, light }))),
    );
  }

  function Card() {
    const [told, setTold] = useState(null);
    useEffect(() => {
      let here = true;
      const ask = () =>
        fetch(new URL("cockpit/card", document.baseURI), { headers: { Accept: "application/json" } })
          .then((answer) => answer.json())
          .then((found) => here && setTold(found))
          .catch(() => here && setTold({ books: [], words: "The desk's state cannot be read." }));
      ask();
      const again = setInterval(ask, 60000);
      return () => {
        here = false;
        clearInterval(again);
      };
    }, []);
    return h(
      "section",
      { "aria-label": "Nightdesk", style: { border: "1px solid rgba(128,144,165,.35)", borderRadius: 8, padding: 14 } },
      h("h2", { style: { fontSize: 16, fontWeight: 600, margin: "0 0 6px" } }, "Nightdesk"),
      told === null ? h("p", null, "…") : null,
      told && told.words ? h("p", null, told.words) : null,
      told ? told.books.map((book) => h(Book, { key: book.name, book })) : null,
    );
  }

  globalThis["Nightdesk books"] = Card;
})();
