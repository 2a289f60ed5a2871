/**
 * What tables say according to the specification, read a second time: nothing here uses an entry
 * format or a walk of main code. Tests ask it what an operation left, and let it set accessed and
 * dirty bits as hardware would.
 */
@NullMarked
package dev.cleave.engine.oracle;

import org.jspecify.annotations.NullMarked;
