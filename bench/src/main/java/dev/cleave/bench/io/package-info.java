/** Files, numbers and messages, as all commands read and write them. */
package dev.cleave.bench.io;
