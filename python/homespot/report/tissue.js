// What the choices do; plotly draws. Names from the data are set as text, or escaped for plotly's labels.
"use strict";
(() => {
  const page = JSON.parse(document.getElementById("data").textContent);
  const plot = document.getElementById("plot");
  const colour = document.getElementById("colour");
  const find = document.getElementById("find");
  const choice = document.getElementById("section"); // none where there is one section
  const panel = document.getElementById("spot");
  const hint = panel.firstElementChild;
  const nSpots = page.spots.length;
  const solid = "z" in page.axes;

  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const floats = (text) => new Float32Array(bytes(text).buffer);
  const axes = Object.fromEntries(Object.entries(page.axes).map(([axis, text]) => [axis, floats(text)]));
  const expected = floats(page.expected);
  const sectionOf = new Uint16Array(bytes(page.section).buffer);
  let section = -1; // the one that is shown
  let spots = []; // those of it
  const cells = page.cells && {
    index: new Uint32Array(bytes(page.cells.index).buffer),
    probability: floats(page.cells.probability),
  };
  const columns = page.columns.map((column) => ({ ...column, steps: bytes(column.values) }));
  const value = (column, i) =>
    column.steps[i] === 255 ? NaN : column.low + ((column.high - column.low) * column.steps[i]) / 254;

  // Plotly's labels know some tags, entities and %{variables}: a name must be none of these.
  const plain = (text) => text.replace(/[&<>%]/g, (c) => `&#${c.charCodeAt(0)};`);
  const short = (text, n) => (text.length > n ? `${text.slice(0, n - 1)}…` : text);
  const { format: number } = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
  const percent = (share) => (share < 0.01 ? "< 1 %" : `${Math.round(100 * share)} %`);

  const typesOf = (i) =>
    page.types
      .map((k) => ({ name: columns[k].name, share: value(columns[k], i) }))
      .filter((type) => type.share >= 0.005)
      .sort((a, b) => b.share - a.share);

  const cellsOf = (i) => {
    const found = [];
    for (let k = i * page.cells.each; k < (i + 1) * page.cells.each; k++) {
      if (cells.probability[k] > 0) {
        found.push({ name: page.cells.names[cells.index[k]], share: cells.probability[k] });
      }
    }
    return found;
  };

  // On a narrow page a long label would hide the tissue; the rest stands below it.
  const narrow = matchMedia("(max-width: 40rem)").matches;
  const label = (i) => {
    const lines = [`${number(expected[i])} cells expected`];
    const list = (entries, n) => entries.slice(0, n).map((e) => `${plain(short(e.name, 28))} ${percent(e.share)}`);
    const types = list(typesOf(i), narrow ? 3 : 5);
    if (types.length) lines.push("<b>Types</b>", ...types);
    const likeliest = narrow ? [] : list(cellsOf(i), 3);
    if (likeliest.length) lines.push("<b>Cells most likely here</b>", ...likeliest);
    return lines.join("<br>");
  };

  const element = (tag, text, parent) => {
    const made = parent.appendChild(document.createElement(tag));
    made.textContent = text;
    return made;
  };

  const list = (heading, entries) => {
    if (!entries.length) return;
    element("h4", heading, panel);
    const ul = element("ul", "", panel);
    for (const entry of entries) {
      const li = element("li", "", ul);
      element("span", entry.name, li);
      element("span", percent(entry.share), li);
      const bar = element("div", "", li);
      bar.className = "bar";
      bar.style.width = `${Math.min(100 * entry.share, 100)}%`;
    }
  };

  const show = (i) => {
    const column = columns[Number(colour.value)];
    const here = value(column, i);
    panel.replaceChildren();
    element("h3", page.spots[i], panel);
    if (choice) element("p", `Section ${page.sections[sectionOf[i]].name}`, panel);
    element("p", `${number(expected[i])} cells expected`, panel);
    const shown = Number.isNaN(here) ? "missing" : number(here);
    element("p", `${column.name} (${column.unit}): ${shown}`, panel);
    list("Types, share of the spot", typesOf(i));
    if (cells) list("Cells most likely here, by their probability", cellsOf(i));
  };

  const mark = (i) => {
    const at = Object.entries(axes).map(([axis, values]) => [axis, [[values[i]]]]);
    Plotly.restyle(plot, Object.fromEntries(at), [1]);
  };

  const paint = () => {
    const column = columns[Number(colour.value)];
    const values = spots.map((i) => value(column, i));
    const title = plain(short(column.name, 36));
    const template = (shown) => `<b>%{text}</b><br>${title}: ${shown}<br>%{customdata}<extra></extra>`;
    const [known, missing] = [template("%{marker.color:.3g}"), template("missing")];
    const some = values.some(Number.isNaN);
    Plotly.restyle(
      plot,
      {
        "marker.color": [values],
        "marker.cmin": column.low,
        "marker.cmax": column.high > column.low ? column.high : column.low + 1,
        "marker.colorbar.title.text": `${title}, ${plain(column.unit)}`,
        // Plotly draws what is missing in a dark grey; one opacity for each spot only works in the plane.
        "marker.opacity": some && !solid ? [values.map((v) => (Number.isNaN(v) ? 0.25 : 1))] : 1,
        hovertemplate: some ? [values.map((v) => (Number.isNaN(v) ? missing : known))] : known,
      },
      [0],
    );
    document.getElementById("note").textContent = column.note;
  };

  // Spots that nearly touch, at any size of the page and at any zoom.
  const size = () => {
    if (solid) return;
    const { xaxis, yaxis, margin } = plot.layout;
    const perUnit = (pixels, [low, high]) => pixels / Math.abs(high - low);
    const pixels = Math.min(
      perUnit(plot.clientWidth - margin.l - margin.r, xaxis.range),
      perUnit(plot.clientHeight - margin.t - margin.b, yaxis.range),
    );
    const diameter = Math.min(Math.max(0.85 * page.sections[section].pitch * pixels, 2), 40);
    Plotly.restyle(plot, { "marker.size": [diameter, diameter + 6] }, [0, 1]);
  };

  // A label with all there is would cost seconds and much memory where there are many spots.
  const brief = (i) => `${number(expected[i])} cells expected`;
  const config = {
    displaylogo: false,
    showSendToCloud: false, // the data stay where they are
    responsive: true,
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
  };
  // Plotly writes into what it is given, so every section is drawn from a copy.
  const enter = async (code) => {
    section = code;
    spots = [...sectionOf.keys()].filter((i) => sectionOf[i] === code);
    const { data, layout } = structuredClone(page.sections[code].figure);
    for (const [axis, values] of Object.entries(axes)) data[0][axis] = Float32Array.from(spots, (i) => values[i]);
    data[0].text = spots.map((i) => plain(short(page.spots[i], 40)));
    data[0].customdata = spots.map(cells ? label : brief);
    if (matchMedia("(pointer: coarse)").matches && !solid) layout.dragmode = false;
    plot.style.setProperty("--ratio", page.sections[code].ratio);
    await Plotly.react(plot, data, layout, config);
    paint();
    size();
    if (plot.dataset.ready) Plotly.Plots.resize(plot); // the section may have another shape
  };
  enter(0).then(() => {
    plot.on("plotly_relayout", size);
    plot.on("plotly_hover", (event) => show(spots[event.points[0].pointNumber]));
    plot.on("plotly_click", (event) => mark(spots[event.points[0].pointNumber]));
    plot.dataset.ready = "yes";
  });

  choice?.addEventListener("change", () => {
    panel.replaceChildren(hint);
    enter(Number(choice.value));
  });
  colour.addEventListener("change", paint);
  if (nSpots <= 20000) {
    document.getElementById("spot-names").append(
      ...page.spots.map((name) => {
        const option = document.createElement("option");
        option.value = name;
        return option;
      }),
    );
  }
  find.addEventListener("change", async () => {
    const i = page.spots.indexOf(find.value.trim());
    if (i >= 0) {
      if (sectionOf[i] !== section) {
        choice.value = sectionOf[i];
        await enter(sectionOf[i]);
      }
      show(i);
      mark(i);
    } else if (find.value.trim()) {
      panel.replaceChildren();
      element("p", `There is no spot of the name ${find.value.trim()}.`, panel);
    }
  });
  document.getElementById("choices").addEventListener("submit", (event) => event.preventDefault());
})();
