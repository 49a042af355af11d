/** The server's own names for what it answers, from its OpenAPI description. */

import type { components } from "./schema.d.ts";

type Schemas = components["schemas"];

export type Session = Schemas["SessionView"];
export type Status = Schemas["StatusView"];
export type Money = Schemas["MoneyView"];
export type Position = Schemas["PositionView"];
export type PositionDetail = Schemas["PositionDetail"];
export type Order = Schemas["OrderView"];
export type Fill = Schemas["FillView"];
export type Trade = Schemas["TradeView"];
export type Decision = Schemas["DecisionView"];
export type Vote = Schemas["VoteView"];
export type EquityPoint = Schemas["EquityView"];
export type EquitySeries = Schemas["EquitySeries"];
export type Alert = Schemas["AlertView"];
export type ListedAlert = Schemas["ListedAlert"];
export type AlertChannel = Schemas["ChannelView"];
export type AlertTrial = Schemas["TrialView"];
export type Metrics = Schemas["RealtimeView"];
export type Health = Schemas["HealthStatusView"];
export type HealthCheck = Schemas["CheckView"];
export type Candle = Schemas["CandleView"];
export type CandleSeries = Schemas["CandleSeries"];
export type Settings = Schemas["SettingsView"];
export type Setting = Schemas["SettingView"];
export type Command = Schemas["CommandView"];
export type KillSwitch = Schemas["KillSwitchView"];
export type LogLine = Schemas["LogLine"];
export type LogPage = Schemas["LogPage"];
export type LimitGauge = Schemas["GaugeView"];
export type Trip = Schemas["TripView"];

/** A part of a list; `next_offset` is where the next part begins. */
export interface Page<T> {
  items: T[];
  limit: number;
  offset: number;
  next_offset: number | null;
}
