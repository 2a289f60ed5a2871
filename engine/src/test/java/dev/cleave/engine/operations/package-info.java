/**
 * Random operations against a model of single units. An operation is plain numbers; a run does a
 * list of them in a small window of addresses and compares everything after each; a list that fails
 * is shortened until nothing can be left out.
 */
@NullMarked
package dev.cleave.engine.operations;

import org.jspecify.annotations.NullMarked;
