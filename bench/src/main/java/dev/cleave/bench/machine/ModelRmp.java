package dev.cleave.bench.machine;

import static dev.cleave.engine.format.Geometry.PAGE_BYTES;
import static dev.cleave.engine.format.Geometry.REGION_BYTES;

import dev.cleave.bench.io.WorkFailed;
import dev.cleave.hwmodel.rmp.ReverseMap;
import dev.cleave.hwmodel.rmp.RmpFirmware;
import dev.cleave.hwmodel.rmp.RmpInstructions;
import dev.cleave.hwmodel.rmp.RmpResult;
import dev.cleave.hwmodel.rmp.RmpState;
import java.util.function.LongPredicate;
import org.jspecify.annotations.Nullable;

/**
 * The hypervisor's side of the model's RMP: guest pages by their guest addresses. Pages that the
 * log never maps have no memory, and nothing is done about them.
 */
public final class ModelRmp {

  private final @Nullable ModelMachine machine;
  private final GuestFrames frames;
  private final LongPredicate isTracked;
  private final RmpInstructions instructions;
  private final RmpFirmware firmware;

  /**
   * The hypervisor's side of a machine's RMP.
   *
   * @param machine which has an RMP
   * @param frames where guest pages lie
   * @param ram what memory there is
   */
  public ModelRmp(ModelMachine machine, GuestFrames frames, GuestRam ram) {
    this(machine, frames, ram::isTracked, rmpOf(machine));
  }

  /**
   * The hypervisor's side of an RMP that knows of all the guest's memory.
   *
   * @param frames where guest pages lie
   * @param rmp the RMP
   */
  public ModelRmp(GuestFrames frames, ReverseMap rmp) {
    this(null, frames, _ -> true, rmp);
  }

  private static ReverseMap rmpOf(ModelMachine machine) {
    ReverseMap rmp = machine.rmp();
    if (rmp == null) {
      throw new IllegalArgumentException("the machine must have an RMP");
    }
    return rmp;
  }

  private ModelRmp(
      @Nullable ModelMachine machine, GuestFrames frames, LongPredicate isTracked, ReverseMap rmp) {
    this.machine = machine;
    this.frames = frames;
    this.isTracked = isTracked;
    this.instructions = new RmpInstructions(rmp);
    this.firmware = new RmpFirmware(rmp);
  }

  /** Assigns pages, by entries of one size. */
  public void assign(long gpa, long length, boolean isLarge) {
    update(gpa, length, isLarge, RmpState.assigned(ModelMachine.asid(), isLarge, false));
  }

  /** Unassigns pages, by entries of one size. */
  public void unassign(long gpa, long length, boolean isLarge) {
    update(gpa, length, isLarge, RmpState.unassigned(isLarge));
  }

  private void update(long gpa, long length, boolean isLarge, long state) {
    long step = isLarge ? REGION_BYTES : PAGE_BYTES;
    for (long at = gpa; at < gpa + length; at += step) {
      if (holds(at)) {
        require("RMPUPDATE", at, instructions.rmpUpdate(frames.spa(at), at, state));
      }
    }
  }

  /** Whether a page lies in memory that the RMP knows of. */
  public boolean holds(long gpa) {
    return frames.holds(gpa) && isTracked.test(frames.spa(gpa));
  }

  /** PSMASH. */
  public void smash(long gpa) {
    if (holds(gpa)) {
      require("PSMASH", gpa, instructions.psmash(frames.spa(gpa)));
    }
  }

  /** PSMASH_IO of a region that lies in memory that the RMP knows of. */
  public void exchange(long gpa, long slot, long table) {
    if (machine == null) {
      throw new IllegalStateException("PSMASH_IO needs a machine");
    }
    machine.exchange(frames.spa(gpa), slot, table);
  }

  /**
   * Joins 512 pages: makes them immutable, lets the firmware join them, makes the result mutable.
   */
  public void unsmash(long gpa) {
    if (holds(gpa)) {
      update(gpa, REGION_BYTES, false, RmpState.assigned(ModelMachine.asid(), false, true));
      require("SNP_PAGE_UNSMASH", gpa, firmware.pageUnsmash(frames.spa(gpa)));
      require("SNP_PAGE_RECLAIM", gpa, firmware.pageReclaim(frames.spa(gpa)));
    }
  }

  private static void require(String what, long gpa, int result) {
    if ((result & ~RmpResult.UNCHANGED) != RmpResult.SUCCESS) {
      throw new WorkFailed(
          "%s of gpa 0x%x was refused by the RMP's model with code %d"
              .formatted(what, gpa, result));
    }
  }
}
