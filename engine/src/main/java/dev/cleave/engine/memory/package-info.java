/** Off-heap memory that page tables lie in. */
@NullMarked
package dev.cleave.engine.memory;

import org.jspecify.annotations.NullMarked;
