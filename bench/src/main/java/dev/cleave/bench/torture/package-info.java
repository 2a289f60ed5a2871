/**
 * Writers, devices and readers on one table at full speed, and what each page may be seen as
 * meanwhile.
 */
package dev.cleave.bench.torture;
