/** The {@code cleave} command: one class per subcommand, and what they share. */
package dev.cleave.bench.cli;
