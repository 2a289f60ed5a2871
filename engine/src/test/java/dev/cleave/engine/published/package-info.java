/** What others see of the engine: its public face, its published POM, and projects that use it. */
@NullMarked
package dev.cleave.engine.published;

import org.jspecify.annotations.NullMarked;
