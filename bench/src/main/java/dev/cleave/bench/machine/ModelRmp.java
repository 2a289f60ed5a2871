package dev.cleave.bench.machine;

import static dev.cleave.engine.format.Geometry.PAGE_BYTES;
import static dev.cleave.engine.format.Geometry.REGION_BYTES;

import dev.cleave.bench.io.WorkFailed;
import dev.cleave.hwmodel.rmp.ReverseMap;
import dev.cleave.hwmodel.rmp.RmpFirmware;
import dev.cleave.hwmodel.rmp.RmpInstructions;
import dev.cleave.hwmodel.rmp.RmpResult;
import dev.cleave.hwmodel.rmp.RmpState;

/**
 * The hypervisor's side of the model's RMP: guest pages by their guest addresses. Pages that the
 * log never maps have no memory, and nothing is done about them.
 */
public final class ModelRmp {

  private final GuestRam ram;
  private final RmpInstructions instructions;
  private final RmpFirmware firmware;

  /**
   * The hypervisor's side of a machine's RMP.
   *
   * @param ram where guest pages lie
   * @param rmp the RMP
   */
  public ModelRmp(GuestRam ram, ReverseMap rmp) {
    this.ram = ram;
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
      if (ram.holds(at)) {
        require("RMPUPDATE", at, instructions.rmpUpdate(ram.spa(at), at, state));
      }
    }
  }

  /** PSMASH. */
  public void smash(long gpa) {
    require("PSMASH", gpa, instructions.psmash(ram.spa(gpa)));
  }

  /**
   * Joins 512 pages: makes them immutable, lets the firmware join them, makes the result mutable.
   */
  public void unsmash(long gpa) {
    update(gpa, REGION_BYTES, false, RmpState.assigned(ModelMachine.asid(), false, true));
    require("SNP_PAGE_UNSMASH", gpa, firmware.pageUnsmash(ram.spa(gpa)));
    require("SNP_PAGE_RECLAIM", gpa, firmware.pageReclaim(ram.spa(gpa)));
  }

  private static void require(String what, long gpa, int result) {
    if ((result & ~RmpResult.UNCHANGED) != RmpResult.SUCCESS) {
      throw new WorkFailed(
          "%s of gpa 0x%x was refused by the RMP's model with code %d"
              .formatted(what, gpa, result));
    }
  }
}
