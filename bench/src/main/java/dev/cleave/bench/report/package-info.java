/**
 * Reports: one HTML page that shows what was measured, with everything it needs inside. A report
 * says what to show in records; the page's script, a resource beside this package, draws them.
 */
package dev.cleave.bench.report;
