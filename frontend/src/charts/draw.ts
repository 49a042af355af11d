/** What is drawn on canvases. A chunk of its own, loaded when the first chart is shown. */

import {
  BaselineSeries,
  CandlestickSeries,
  createChart,
  createSeriesMarkers,
  CrosshairMode,
  HistogramSeries,
  LineSeries,
  LineStyle,
} from "lightweight-charts";
import type {
  ChartOptions,
  DeepPartial,
  IChartApi,
  IPriceLine,
  ISeriesApi,
  ISeriesMarkersPluginApi,
  SeriesMarker,
  Time,
  UTCTimestamp,
} from "lightweight-charts";
import { moment, money, price as shownPrice } from "../format.ts";
import { token } from "../theme.ts";
import type { StopPoint } from "./stops.ts";

export interface Point {
  readonly time_ms: number;
  readonly value: number;
}

export interface Bar {
  readonly time_ms: number;
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
  readonly volume: number;
}

export type MarkKind = "entry" | "won" | "lost" | "veto";

/** Something that happened at a candle. id: what `onPick` is told when it is clicked. */
export interface Mark {
  readonly id: string;
  readonly kind: MarkKind;
  readonly time_ms: number;
  readonly text: string;
}

/** A price that counts now. */
export interface Level {
  readonly kind: "entry" | "stop" | "target";
  readonly price: number;
}

const PIXELS_PER_BAR = 9;

const seconds = (ms: number): UTCTimestamp => Math.floor(ms / 1000) as UTCTimestamp;

function options(): DeepPartial<ChartOptions> {
  const line = token("line");
  return {
    autoSize: true,
    layout: {
      background: { color: "transparent" },
      textColor: token("muted"),
      fontFamily: token("font"),
      fontSize: 12,
      // Its logo brings a style element, which the page's policy forbids; the line under each chart names TradingView.
      attributionLogo: false,
    },
    grid: { vertLines: { color: line }, horzLines: { color: line } },
    rightPriceScale: { borderColor: line },
    timeScale: { borderColor: line, timeVisible: true, secondsVisible: false, rightOffset: 4 },
    crosshair: { mode: CrosshairMode.Normal },
    localization: { timeFormatter: (time: Time) => `${moment(Number(time) * 1000).slice(0, 16)} UTC` },
    handleScale: { axisPressedMouseMove: false },
  };
}

/** The curve of the equity over the value it began with: what is below is loss. */
export class EquityDrawing {
  readonly #chart: IChartApi;
  readonly #series: ISeriesApi<"Baseline">;
  #lastMs = 0;

  constructor(container: HTMLElement) {
    this.#chart = createChart(container, options());
    this.#chart.applyOptions({ handleScroll: false, handleScale: false, rightPriceScale: { minimumWidth: 84 } });
    this.#series = this.#chart.addSeries(BaselineSeries, {
      lineWidth: 2,
      priceLineVisible: false,
      priceFormat: { type: "custom", formatter: (value: number) => money(value.toFixed(2)), minMove: 0.01 },
    });
    this.recolour();
  }

  show(points: readonly Point[]): void {
    this.#lastMs = points.at(-1)?.time_ms ?? 0;
    this.#series.applyOptions({ baseValue: { type: "price", price: points[0]?.value ?? 0 } });
    this.#series.setData(points.map((point) => ({ time: seconds(point.time_ms), value: point.value })));
    this.#chart.timeScale().fitContent();
  }

  add(point: Point): void {
    if (point.time_ms < this.#lastMs) return;
    this.#lastMs = point.time_ms;
    this.#series.update({ time: seconds(point.time_ms), value: point.value });
    this.#chart.timeScale().fitContent();
  }

  recolour(): void {
    this.#chart.applyOptions(options());
    const [good, bad] = [token("good"), token("bad")];
    this.#series.applyOptions({
      topLineColor: good,
      topFillColor1: faint(good, 0.22),
      topFillColor2: faint(good, 0.02),
      bottomLineColor: bad,
      bottomFillColor1: faint(bad, 0.02),
      bottomFillColor2: faint(bad, 0.22),
    });
  }

  remove(): void {
    this.#chart.remove();
  }
}

/** Candles with volume, what happened at them, and the prices that count now. */
export class CandleDrawing {
  readonly #chart: IChartApi;
  readonly #candles: ISeriesApi<"Candlestick">;
  readonly #volume: ISeriesApi<"Histogram">;
  readonly #stops: ISeriesApi<"Line">;
  readonly #markers: ISeriesMarkersPluginApi<Time>;
  #marks: readonly Mark[] = [];
  #levels: readonly Level[] = [];
  #lines: IPriceLine[] = [];
  #lastMs = 0;

  constructor(container: HTMLElement, onPick: (id: string) => void) {
    this.#chart = createChart(container, options());
    this.#candles = this.#chart.addSeries(CandlestickSeries, {
      priceFormat: { type: "custom", formatter: (value: number) => shownPrice(String(value)), minMove: 1e-8 },
    });
    this.#candles.priceScale().applyOptions({ scaleMargins: { top: 0.08, bottom: 0.24 } });
    this.#volume = this.#chart.addSeries(HistogramSeries, {
      priceScaleId: "volume",
      priceFormat: { type: "volume" },
      lastValueVisible: false,
      priceLineVisible: false,
    });
    this.#volume.priceScale().applyOptions({ scaleMargins: { top: 0.82, bottom: 0 } });
    // Dots, not a line: between two positions there is none.
    this.#stops = this.#chart.addSeries(LineSeries, {
      lineVisible: false,
      pointMarkersVisible: true,
      pointMarkersRadius: 1.5,
      lastValueVisible: false,
      priceLineVisible: false,
      crosshairMarkerVisible: false,
    });
    this.#markers = createSeriesMarkers(this.#candles);
    this.#chart.subscribeClick((event) => {
      if (typeof event.hoveredObjectId === "string") onPick(event.hoveredObjectId);
    });
    this.recolour();
  }

  show(bars: readonly Bar[]): void {
    const isFirst = this.#lastMs === 0;
    this.#lastMs = bars.at(-1)?.time_ms ?? 0;
    this.#candles.setData(bars.map(candleOf));
    this.#volume.setData(bars.map(volumeOf));
    if (!isFirst) return;
    const shown = Math.min(bars.length, Math.max(40, Math.round(this.#chart.timeScale().width() / PIXELS_PER_BAR)));
    this.#chart.timeScale().setVisibleLogicalRange({ from: bars.length - shown, to: bars.length + 4 });
  }

  /** Newer candles, or a newer state of the last one; false, and nothing is added, where some are missing in between. */
  add(bars: readonly Bar[]): boolean {
    if (this.#lastMs > 0 && !bars.some((bar) => bar.time_ms <= this.#lastMs)) return false;
    for (const bar of bars) {
      if (bar.time_ms < this.#lastMs) continue;
      this.#lastMs = bar.time_ms;
      this.#candles.update(candleOf(bar));
      this.#volume.update(volumeOf(bar));
    }
    return true;
  }

  mark(marks: readonly Mark[]): void {
    this.#marks = marks;
    this.#markers.setMarkers([...marks].sort((a, b) => a.time_ms - b.time_ms).map(markerOf));
  }

  level(levels: readonly Level[]): void {
    this.#levels = levels;
    for (const line of this.#lines) this.#candles.removePriceLine(line);
    this.#lines = levels.map((level) =>
      this.#candles.createPriceLine({
        price: level.price,
        title: level.kind,
        color: token(LEVEL_COLOURS[level.kind]),
        lineStyle: level.kind === "entry" ? LineStyle.Solid : LineStyle.Dashed,
        lineWidth: 1,
        axisLabelVisible: true,
      }),
    );
  }

  /** Where the stop rested, candle by candle. */
  trail(stops: readonly StopPoint[]): void {
    this.#stops.setData(stops.map((point) => ({ time: seconds(point.time_ms), value: point.value })));
  }

  recolour(): void {
    this.#chart.applyOptions(options());
    this.#stops.applyOptions({ color: token("bad") });
    // Rise and fall are told by hollow and full, not by colour: red and green belong to loss and gain.
    const ink = token("candle");
    this.#candles.applyOptions({
      upColor: token("surface"),
      downColor: ink,
      borderUpColor: ink,
      borderDownColor: ink,
      wickUpColor: ink,
      wickDownColor: ink,
      priceLineColor: ink,
    });
    this.#volume.applyOptions({ color: faint(ink, 0.35) });
    this.mark(this.#marks);
    this.level(this.#levels);
  }

  remove(): void {
    this.#chart.remove();
  }
}

const LEVEL_COLOURS = { entry: "accent", stop: "bad", target: "good" } as const;
const MARKERS = {
  entry: { position: "belowBar", shape: "arrowUp", colour: "accent" },
  won: { position: "aboveBar", shape: "arrowDown", colour: "good" },
  lost: { position: "aboveBar", shape: "arrowDown", colour: "bad" },
  veto: { position: "aboveBar", shape: "circle", colour: "warn" },
} as const;

function markerOf(mark: Mark): SeriesMarker<Time> {
  const { position, shape, colour } = MARKERS[mark.kind];
  return { time: seconds(mark.time_ms), position, shape, color: token(colour), text: mark.text, id: mark.id };
}

function candleOf(bar: Bar): { time: UTCTimestamp; open: number; high: number; low: number; close: number } {
  return { time: seconds(bar.time_ms), open: bar.open, high: bar.high, low: bar.low, close: bar.close };
}

function volumeOf(bar: Bar): { time: UTCTimestamp; value: number } {
  return { time: seconds(bar.time_ms), value: bar.volume };
}

/** A colour of the tokens (`#rrggbb`) with less of it. */
function faint(colour: string, share: number): string {
  const alpha = Math.round(share * 255)
    .toString(16)
    .padStart(2, "0");
  return colour + alpha;
}

