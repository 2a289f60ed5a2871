/** What a figure is, apart from where it is shown. */
package dev.cleave.bench.figure;
