export { until, type Observable } from './observable.js';
