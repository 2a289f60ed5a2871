/**
 * Work on one table or a run inside it: a contract, its implementations, and a provider that
 * chooses once. A kernel knows nothing of addresses or formats; it sees words.
 */
@NullMarked
package dev.cleave.engine.kernel;

import org.jspecify.annotations.NullMarked;
