/** Physical memory as hardware sees it. */
@NullMarked
package dev.cleave.hwmodel.memory;

import org.jspecify.annotations.NullMarked;
