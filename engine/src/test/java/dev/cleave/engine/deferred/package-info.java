/** What devices see while flushes are outstanding. */
@NullMarked
package dev.cleave.engine.deferred;

import org.jspecify.annotations.NullMarked;
