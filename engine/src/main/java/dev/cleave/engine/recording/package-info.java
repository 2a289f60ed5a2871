/**
 * What the engine tells JDK Flight Recorder: one event for each coarse operation. Where there is no
 * {@code jdk.jfr}, or it records nothing, nothing is made and nothing is noted.
 */
@NullMarked
package dev.cleave.engine.recording;

import org.jspecify.annotations.NullMarked;
