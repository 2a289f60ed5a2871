/**
 * Live migration as an experiment: devices of the hardware model write while a guest is copied over
 * a link in virtual time, and dirty tracking tells what must be copied again.
 */
package dev.cleave.bench.migrate;
