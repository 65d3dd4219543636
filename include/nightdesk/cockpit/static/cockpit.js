// Draws what the page holds as data, and sends forms. It computes no figure: all of them come with the page.
"use strict";
(function () {
  const MINUS = "\u2212";

  function tone(name) {
    return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
  }

  function faded(colour, share) {
    return colour + Math.round(share * 255).toString(16).padStart(2, "0");
  }

  function write(unit, value) {
    if (value === null || value === undefined) return "\u2013";
    const sign = value < 0 ? MINUS : "";
    const size = Math.abs(value);
    const places = (digits) => size.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
    if (unit === "money") return sign + "$" + places(size < 1000 ? 2 : 0);
    if (unit === "price") return sign + "$" + places(2);
    if (unit === "percent")
      return sign + (size * 100).toLocaleString("en-US", { minimumFractionDigits: 0, maximumFractionDigits: 2 }) + " %";
    return sign + places(2);
  }

  function dayOf(seconds) {
    return new Date(seconds * 1000).toISOString().slice(0, 10);
  }

  // ---- lines -------------------------------------------------------------------------------------------------

  function bandsOf(data) {
    return {
      hooks: {
        drawClear: (plot) => {
          const context = plot.ctx;
          const box = plot.bbox;
          context.save();
          context.beginPath();
          context.rect(box.left, box.top, box.width, box.height);
          context.clip();
          const size = 11 * devicePixelRatio;
          const gap = 6 * devicePixelRatio;
          const written = [];
          context.font = size + "px system-ui, sans-serif";
          context.textBaseline = "top";
          for (const band of data.bands) {
            const top = Math.max(plot.valToPos(band.high, "y", true), box.top);
            const bottom = Math.min(plot.valToPos(band.low, "y", true), box.top + box.height);
            if (bottom <= top) continue;
            context.fillStyle = faded(tone(band.tone), 0.1);
            context.fillRect(box.left, top, box.width, bottom - top);
            context.fillStyle = tone("soft");
            // Words that would lie over others stand beside them.
            const y = Math.min(top + gap / 2, box.top + box.height - size);
            const beside = written.filter((one) => Math.abs(one.y - y) < size).map((one) => one.end);
            const x = Math.max(box.left, ...beside) + gap;
            context.fillText(band.label, x, y);
            written.push({ y, end: x + context.measureText(band.label).width + gap });
          }
          context.restore();
        },
      },
    };
  }

  // Upright for what buys, upside down for what sells; a diamond for what is neither.
  function marksOf(figure, data) {
    const hover = figure.querySelector(".hover");
    const first = data.series[0].values;
    return {
      hooks: {
        draw: (plot) => {
          const context = plot.ctx;
          const size = 6 * devicePixelRatio;
          context.save();
          for (const mark of data.marks) {
            const value = first[mark.at];
            if (value === null) continue;
            const x = plot.valToPos(data.x[mark.at], "x", true);
            const y = plot.valToPos(value, "y", true);
            const up = (mark.kind === "entry") !== mark.short ? -1 : 1;
            context.beginPath();
            context.moveTo(x, y + up * size);
            context.lineTo(x + size, y - up * size * 0.6);
            if (mark.kind === "event") context.lineTo(x, y - up * size);
            context.lineTo(x - size, y - up * size * 0.6);
            context.closePath();
            context.fillStyle = tone(SHAPES[mark.kind].tone);
            context.strokeStyle = tone("paper");
            context.lineWidth = devicePixelRatio;
            context.fill();
            context.stroke();
          }
          context.restore();
        },
        setCursor: (plot) => {
          const said = data.marks.filter((one) => one.at === plot.cursor.idx);
          hover.hidden = said.length === 0;
          hover.textContent = said.map((one) => dayOf(data.x[one.at]) + ": " + one.words).join("; ");
        },
      },
    };
  }

  const DAYS = [1, 2, 3, 7, 14, 28, 91, 182, 364, 728, 1820, 3640].map((days) => days * 86400);

  function drawLines(figure, data) {
    const canvas = figure.querySelector(".canvas");
    const wide = Math.max(canvas.clientWidth, 200);
    const axis = { stroke: tone("soft"), grid: { stroke: tone("line"), width: 1 }, ticks: { stroke: tone("line"), width: 1 } };
    const values = data.series.flatMap((one) => one.values).filter((one) => one !== null);
    const range = [Math.min(...values), Math.max(...values)];
    const options = {
      width: wide,
      height: wide < 500 ? Math.min(data.height, 200) : data.height,
      cursor: { y: false },
      legend: { show: data.legend },
      scales: {
        x: { time: true },
        y: data.series.some((one) => one.area)
          ? { range: () => [Math.min(range[0] * 1.08, 0), Math.max(range[1] * 1.08, 0)] }
          : data.shows.length
            ? { range: () => [Math.min(range[0], ...data.shows), Math.max(range[1], ...data.shows)] }
            : {},
      },
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      series: [{ label: "Session", value: (plot, seconds) => (seconds === null ? "\u2013" : dayOf(seconds)) }].concat(
        data.series.map((one) => ({
          label: one.label,
          stroke: tone(one.tone),
          width: 1.6,
          fill: one.area ? faded(tone(one.tone), 0.14) : undefined,
          fillTo: one.area ? 0 : undefined,
          paths: one.steps ? uPlot.paths.stepped({ align: 1 }) : undefined,
          points: { show: false },
          spanGaps: false,
          value: (plot, value) => write(data.unit, value),
        })),
      ),
      // Room for the half of the last session's label that stands beyond it.
      padding: [null, 38, null, null],
      axes: [
        // The points are sessions: no tick lies between two days.
        { ...axis, space: 90, incrs: DAYS, values: (plot, ticks) => ticks.map(dayOf) },
        { ...axis, size: (plot, words) => Math.max(72, ...(words || []).map((one) => 16 + 7.2 * one.length)), values: (plot, ticks) => ticks.map((one) => write(data.unit, one)) },
      ],
      plugins: [bandsOf(data)].concat(data.marks.length ? [marksOf(figure, data)] : []),
    };
    const plot = new uPlot(options, [data.x].concat(data.series.map((one) => one.values)), canvas);
    if (data.links)
      plot.over.addEventListener("click", () => {
        const at = plot.cursor.idx;
        if (at !== null && at !== undefined) location.assign(data.links.replace("{session}", dayOf(data.x[at])));
      });
    return {
      resize: () => plot.setSize({ width: Math.max(canvas.clientWidth, 200), height: plot.height }),
      end: () => plot.destroy(),
    };
  }

  // ---- candles -----------------------------------------------------------------------------------------------

  const SHAPES = {
    entry: { position: "belowBar", shape: "arrowUp", tone: "gain" },
    exit: { position: "aboveBar", shape: "arrowDown", tone: "accent" },
    stop: { position: "aboveBar", shape: "arrowDown", tone: "loss" },
    event: { position: "aboveBar", shape: "circle", tone: "warn" },
  };

  function drawCandles(figure, data) {
    const canvas = figure.querySelector(".canvas");
    const library = window.LightweightCharts;
    const chart = library.createChart(canvas, {
      autoSize: true,
      layout: { background: { color: "transparent" }, textColor: tone("soft"), attributionLogo: false },
      grid: { vertLines: { color: tone("line") }, horzLines: { color: tone("line") } },
      rightPriceScale: { borderColor: tone("line") },
      timeScale: { borderColor: tone("line"), timeVisible: false },
      crosshair: { mode: library.CrosshairMode.Normal },
    });
    const candles = chart.addSeries(library.CandlestickSeries, {
      upColor: tone("gain"), wickUpColor: tone("gain"), borderUpColor: tone("gain"),
      downColor: tone("loss"), wickDownColor: tone("loss"), borderDownColor: tone("loss"),
    });
    candles.setData(data.candles);
    for (const line of data.lines) {
      const drawn = chart.addSeries(library.LineSeries, {
        color: tone(line.tone), lineWidth: 1, lineStyle: library.LineStyle.Dashed, title: line.label,
        priceLineVisible: false, lastValueVisible: false, crosshairMarkerVisible: false,
      });
      drawn.setData(line.points);
    }
    const said = new Map();
    const known = new Set(data.candles.map((one) => one.time));
    for (const mark of data.marks) said.set(mark.time, (said.get(mark.time) || []).concat(mark.words));
    library.createSeriesMarkers(
      candles,
      data.marks.filter((one) => known.has(one.time)).map((one) => {
        const look = SHAPES[one.kind];
        const turned = one.short && one.kind === "entry";
        return {
          time: one.time,
          position: turned ? "aboveBar" : look.position,
          shape: turned ? "arrowDown" : look.shape,
          color: tone(look.tone),
        };
      }),
    );
    const hover = figure.querySelector(".hover");
    chart.subscribeCrosshairMove((at) => {
      const words = at.time ? said.get(at.time) : null;
      const bar = at.seriesData ? at.seriesData.get(candles) : null;
      hover.hidden = !bar;
      hover.textContent = bar
        ? [at.time, "open " + write("price", bar.open), "high " + write("price", bar.high), "low " + write("price", bar.low), "close " + write("price", bar.close)].join(" \u00b7 ") +
          (words ? " \u2014 " + words.join("; ") : "")
        : "";
    });
    chart.timeScale().fitContent();
    return { resize: () => undefined, end: () => chart.remove() };
  }

  // ---- all pictures of the page ------------------------------------------------------------------------------

  const drawn = new Map();

  function draw(figure) {
    const before = drawn.get(figure);
    if (before) before.end();
    const data = JSON.parse(figure.querySelector("script").textContent);
    drawn.set(figure, (figure.dataset.chart === "candles" ? drawCandles : drawLines)(figure, data));
  }

  function drawAll() {
    for (const figure of document.querySelectorAll("figure[data-chart]")) draw(figure);
  }

  let waiting = 0;
  window.addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => drawn.forEach((one) => one.resize()), 120);
  });
  document.addEventListener("themed", drawAll);

  // ---- links that leave the cockpit for Airflow's own pages ----------------------------------------------------

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-leave]");
    if (!link || window.parent === window) return;
    event.preventDefault();
    // The frame is not allowed to steer the page around it; a link of that page's own is.
    const around = window.parent.document;
    const door = around.createElement("a");
    door.href = link.href;
    around.body.append(door);
    door.click();
    door.remove();
  });

  // ---- forms: checked, read again, sent once -------------------------------------------------------------------

  function say(form, state, words) {
    const place = form.querySelector("[data-said]");
    place.hidden = false;
    place.className = "notice " + (state === "done" ? "gain" : "loss");
    place.textContent = words;
    place.focus();
  }

  async function send(form) {
    const button = form.querySelector("[data-confirm]");
    button.disabled = true;
    try {
      const answer = await fetch(form.action, {
        method: "POST",
        body: new URLSearchParams(new FormData(form)),
        headers: { "X-Nightdesk": "cockpit", Accept: "application/json" },
        credentials: "same-origin",
      });
      const told = await answer.json().catch(() => ({ state: "refused", words: "The server's answer cannot be read: look at the list of actions whether it was done." }));
      say(form, told.state, told.words);
      if (told.state === "refused" && told.request) form.elements.request.value = told.request;
      form.classList.toggle("done", told.state === "done");
    } catch (error) {
      say(form, "refused", "The server does not answer. Sent again from this form it is done only once.");
    } finally {
      button.disabled = false;
      form.querySelector("[data-review]").hidden = true;
    }
  }

  for (const form of document.querySelectorAll("form[data-action]")) {
    const review = form.querySelector("[data-review]");
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const list = review.querySelector("dl");
      list.replaceChildren();
      for (const field of form.querySelectorAll("[data-label]")) {
        const value = field.type === "checkbox" ? (field.checked ? "yes" : "") : field.value.trim();
        if (!value) continue;
        const row = document.createElement("div");
        row.append(document.createElement("dt"), document.createElement("dd"));
        row.firstChild.textContent = field.dataset.label;
        row.lastChild.textContent = value;
        list.append(row);
      }
      review.hidden = false;
      review.querySelector("[data-confirm]").focus();
    });
    review.querySelector("[data-confirm]").addEventListener("click", () => send(form));
    review.querySelector("[data-back]").addEventListener("click", () => {
      review.hidden = true;
      form.querySelector("[type=submit]").focus();
    });
  }

  drawAll();
})();
